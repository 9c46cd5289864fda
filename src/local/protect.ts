import { isIP } from 'node:net';
import type { RequestHandler } from 'express';

const headers = {
  'Content-Security-Policy':
    "default-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

/** Keeps other web pages out: they can't post spans, frame a page, or read traces through a DNS name that leads here (DNS rebinding). */
export const protect: RequestHandler = (req, res, next) => {
  const { host = '', origin } = req.headers;
  const refuse = (error: string) => void res.status(403).json({ error });
  res.set(headers);
  if (!isLocal(host)) return refuse(`Host ${host}: must be localhost or an IP address`);
  if (req.method === 'POST' && origin && origin !== `http://${host}`)
    return refuse(`Origin ${origin}: must be ${host}`);
  next();
};

function isLocal(host: string): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  return /^(.+\.)?localhost$/.test(name) || isIP(name.replace(/^\[|\]$/g, '')) > 0 || isCodespace(name);
}

/** GitHub Codespaces forwards each port at https://NAME-PORT.DOMAIN. */
function isCodespace(name: string): boolean {
  const { CODESPACE_NAME, GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN } = process.env;
  const port = name.match(/-(\d+)\./)?.[1];
  return name === `${CODESPACE_NAME}-${port}.${GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN}`;
}
