import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fromOtlp } from '../../local/viewer/from-otlp.ts';
import type { ZipkinSpan } from '../../local/viewer/span.ts';
import { otlpTo, zipkinAt } from './backends.ts';

export type Mode =
  | 'ok'
  | 'refuses'
  | 'slow'
  | 'hung'
  | '500'
  | '503'
  | 'garbage'
  | 'cut'
  | 'drips'
  | 'endless'
  | 'redirects';

/** A backend that records the spans it is sent, in Zipkin's format or as OTLP's JSON, and can be told to misbehave. */
export async function startRecorder(port = 0) {
  let mode: Mode = 'ok';
  let bytes = '';
  let open = 0;
  let posts = 0;
  const spans: ZipkinSpan[] = [];

  const respond: Record<Mode, (res: ServerResponse, body: string) => void> = {
    ok: (res, body) => {
      spans.push(...parse(body));
      res.writeHead(202).end();
    },
    slow: (res, body) => void setTimeout(() => respond.ok(res, body), 2000),
    hung: () => {},
    '500': (res) => void res.writeHead(500).end('out of order'),
    '503': (res) => void res.writeHead(503).end(),
    garbage: (res) => void res.socket?.end('%%% this is no HTTP %%%'),
    cut: (res) => {
      res.writeHead(202, { 'content-length': 1000 }).write('half a resp');
      setImmediate(() => res.socket?.destroy());
    },
    drips: (res) => {
      res.writeHead(202, { 'content-length': 1_000_000 });
      const drip = setInterval(() => res.write('.'), 100);
      res.on('close', () => clearInterval(drip));
    },
    endless: (res) => {
      const more = () => {
        while (!res.destroyed && res.write('x'.repeat(100_000)));
      };
      res.writeHead(202).on('drain', more);
      more();
    },
    redirects: (res) => void res.writeHead(302, { location: 'https://elsewhere.test/' }).end(),
    refuses: (res) => void res.socket?.destroy(),
  };
  const listen = async () => {
    const server = createServer(async (req, res) => {
      if (req.url === '/health') return void res.end('{"status":"UP","zipkin":{"status":"UP"}}'); // as Zipkin does
      open++;
      posts++;
      res.on('close', () => open--);
      let body = '';
      try {
        for await (const chunk of req) body += chunk;
      } catch {
        return; // the sender has disconnected
      }
      bytes += body;
      respond[mode](res, body);
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
  let server = await listen();
  const url = `http://127.0.0.1:${port}`;
  return {
    ...zipkinAt(url),
    otlp: otlpTo(url),
    spans,
    bytes: () => bytes,
    open: () => open,
    posts: () => posts,
    async become(next: Mode) {
      mode = next;
      if (next === 'refuses') await close();
      else if (!server.listening) server = await listen();
    },
    [Symbol.asyncDispose]: close,
  };
}

const parse = (body: string): ZipkinSpan[] => {
  const data = JSON.parse(body);
  return Array.isArray(data) ? data : (fromOtlp(data) as ZipkinSpan[]);
};
