"""service2, as a Python service with py_zipkin: responds to each request once it has called service3."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from py_zipkin import Encoding
from py_zipkin.request_helpers import create_http_headers, extract_zipkin_attrs_from_headers
from py_zipkin.transport import SimpleHTTPTransport
from py_zipkin.zipkin import zipkin_client_span, zipkin_server_span

zipkin = urlsplit(os.environ["OTEL_EXPORTER_ZIPKIN_ENDPOINT"])


class Service2(BaseHTTPRequestHandler):
    def do_GET(self):
        with zipkin_server_span(
            service_name="service2",
            span_name="get /",
            # Not self.headers["X-B3-ParentSpanId"]: OpenTelemetry does not send it.
            zipkin_attrs=extract_zipkin_attrs_from_headers(self.headers),
            transport_handler=SimpleHTTPTransport(zipkin.hostname, zipkin.port),
            encoding=Encoding.V2_JSON,
        ):
            with zipkin_client_span(service_name="service2", span_name="get"):
                urlopen(Request(os.environ["SERVICE3_URL"], headers=create_http_headers())).read()
        self.send_response(200)
        self.end_headers()


server = HTTPServer(("127.0.0.1", 0), Service2)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
