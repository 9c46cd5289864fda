// OTLP by HTTP, as protobuf or JSON: a path per signal, of which only traces are kept. (By gRPC: otlp-grpc.ts)
import { type Response, Router } from 'express';
import { bytesOf, decodeJson, decodeOtlp, readBody } from './decode.ts';
import { fromOtlp } from './from-otlp.ts';
import type { ZipkinSpan } from './span.ts';

/** The paths of OTLP: `add` gets each span. An invalid request is an error with its status. */
export function createOtlpRouter(add: (span: ZipkinSpan) => void): Router {
  const router = Router();
  router.post('/v1/traces', readBody, (req, res) => {
    const isProtobuf = req.is('application/x-protobuf');
    if (!isProtobuf && !req.is('json')) throw unsupported(req.get('content-type'));
    const decode = isProtobuf ? decodeOtlp : decodeJson;
    fromOtlp(decode(bytesOf(req))).forEach(add);
    respond(res, isProtobuf);
  });
  router.post(['/v1/metrics', '/v1/logs'], (req, res) => respond(res, req.is('application/x-protobuf')));
  return router;
}

const unsupported = (type = 'none') =>
  Object.assign(new Error(`content-type ${type}: must be application/x-protobuf or application/json`), { status: 415 });
/** All is accepted: an empty message. */
const respond = (res: Response, isProtobuf: unknown) =>
  isProtobuf ? res.type('application/x-protobuf').end() : res.json({});
