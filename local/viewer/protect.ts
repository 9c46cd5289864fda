import { isIP } from 'node:net';
import type { RequestHandler } from 'express';

const headers = {
  'Content-Security-Policy':
    "default-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

/**
 * Keeps other web pages out: they can't post spans, frame a page, or read traces through a DNS name that leads here
 * (DNS rebinding).
 */
export const protect: RequestHandler = (req, res, next) => {
  const { host = '', origin = `http://${host}` } = req.headers;
  res.set(headers);
  const isContainer = /^host\.docker\.internal(:\d+)?$/.test(host) && !req.headers.origin; // no page has that origin
  if (!isLocal(host) && !isContainer) throw forbidden(`Host ${host}: must be localhost or an IP address`);
  if (req.method === 'POST' && origin !== `http://${host}`) throw forbidden(`Origin ${origin}: must be http://${host}`);
  next();
};

const forbidden = (message: string) => Object.assign(new Error(message), { status: 403 });

function isLocal(host: string): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  // ports are at https://NAME-PORT.DOMAIN
  const { CODESPACE_NAME, GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN } = process.env;
  const isCodespace =
    CODESPACE_NAME && name.replace(/-\d+\./, '.') === `${CODESPACE_NAME}.${GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN}`;
  return Boolean(isCodespace) || /^(.+\.)?localhost$/.test(name) || isIP(name.replace(/^\[|\]$/g, '')) > 0;
}
