// `npm run viewer`: the trace viewer alone, for `npm run service` and for services of your own.
import { die } from '../die.ts';
import { findPort } from '../find-port.ts';
import { findViewerPorts, listen } from './listen.ts';

const host = '127.0.0.1';
const { ports, notes } = await findViewerPorts(findPort, host);
listen(ports, host, (reason) => die(`the trace viewer can't start: ${reason}`));
for (const note of notes) console.log(note);
console.log(`see the traces:  http://localhost:${ports.main}/zipkin/`);
console.log(
  `send OTLP to:    http://localhost:${ports.otlp} (http/protobuf, http/json), http://localhost:${ports.grpc} (grpc)`,
);
console.log(`or, as Zipkin's: http://localhost:${ports.main}/api/v2/spans`);
console.log('with the demo:   OTEL_PROPAGATORS=b3multi,tracecontext,baggage npm start, which has a viewer of its own');
