import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { zipkinAt } from './backends.ts';

export type Mode = 'ok' | 'refuses' | 'slow' | 'hung' | '500' | 'garbage' | 'cut';

/** A backend that records what it is sent, as Zipkin's JSON or as OTLP's, and that can be told to misbehave. */
export async function startRecorder() {
  let mode: Mode = 'ok';
  let bytes = '';
  let port = 0;
  let waiting = 0;
  const spans: { traceId: string; id: string; name: string; service?: string }[] = [];

  const record = (body: string) => {
    const data = JSON.parse(body);
    if (Array.isArray(data)) {
      for (const span of data) spans.push({ ...span, service: span.localEndpoint.serviceName });
      return;
    }
    for (const { scopeSpans } of data.resourceSpans) {
      for (const { spans: some } of scopeSpans) {
        for (const { traceId, spanId: id, name } of some) spans.push({ traceId, id, name });
      }
    }
  };
  const answers: Record<Mode, (res: ServerResponse, body: string) => void> = {
    ok: (res, body) => {
      record(body);
      res.writeHead(202).end();
    },
    slow: (res, body) => void setTimeout(() => answers.ok(res, body), 2000),
    hung: () => {},
    '500': (res) => void res.writeHead(500).end('out of order'),
    garbage: (res) => void res.socket?.end('%%% this is no HTTP %%%'),
    cut: (res) => {
      res.writeHead(202, { 'content-length': 1000 }).write('half an ans');
      setImmediate(() => res.socket?.destroy());
    },
    refuses: (res) => void res.socket?.destroy(),
  };
  const open = async () => {
    const server = createServer(async (req, res) => {
      waiting++;
      res.on('close', () => waiting--);
      let body = '';
      try {
        for await (const chunk of req) body += chunk;
      } catch {
        return; // the sender has gone
      }
      bytes += body;
      answers[mode](res, body);
    }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
    return server;
  };
  const close = async () => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  let server = await open();
  const url = `http://127.0.0.1:${port}`;
  return {
    ...zipkinAt(url),
    otlp: {
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    },
    spans,
    bytes: () => bytes,
    waiting: () => waiting,
    async become(next: Mode) {
      mode = next;
      if (next === 'refuses') await close();
      else if (!server.listening) server = await open();
    },
    [Symbol.asyncDispose]: close,
  };
}
