// `npm run viewer`: the trace viewer alone, for `npm run service` and for services of your own.
import { findPort } from '../find-port.ts';
import { createViewer } from './viewer.ts';

const port = await findPort(9411, '127.0.0.1');
createViewer().listen(port, '127.0.0.1');
console.log(`see the traces:  http://localhost:${port}/zipkin/`);
console.log(`send spans to:   http://localhost:${port}/api/v2/spans`);
console.log(`or, as OTLP:     http://localhost:${port}/v1/traces (OTEL_EXPORTER_OTLP_PROTOCOL=http/json)`);
