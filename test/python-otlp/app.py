"""A span of OpenTelemetry's SDK for Python with nothing set: it is sent as protobuf to port 4318."""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
with provider.get_tracer("by-hand").start_as_current_span("hello") as span:
    print(format(span.get_span_context().trace_id, "032x"))
provider.shutdown()
