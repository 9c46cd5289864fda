import type { ZipkinSpan } from '../../local/viewer/span.ts';
import type { Backend } from './backends.ts';
import { until } from './wait.ts';

/** Waits until a trace has `count` spans, and returns them. More than that is an error. */
export function traceOf(backend: Backend, traceId: string, count: number): Promise<ZipkinSpan[]> {
  return until(`${count} spans of trace ${traceId}`, async () => {
    const spans = await backend.trace(traceId);
    if (spans.length > count) throw new Error(`${spans.length} spans instead of ${count}:\n${draw(spans)}`);
    return spans.length === count && spans;
  });
}

/** A trace as an indented tree, a line per span: kind, service, name, and route and error if it has them. */
export function draw(spans: ZipkinSpan[]): string {
  const ids = new Set(spans.map((span) => span.id));
  const childrenOf = (id: string | undefined): ZipkinSpan[] =>
    spans
      .filter((span) => (id ? span.parentId === id : !ids.has(span.parentId ?? '')))
      .sort((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0) || (a.name ?? '').localeCompare(b.name ?? ''));
  const lines = (span: ZipkinSpan, depth: number): string[] => {
    const { error, 'http.route': route } = span.tags ?? {};
    const facts = [span.kind ?? '-', span.localEndpoint?.serviceName, span.name, route && `route=${route}`];
    const line = [...facts, error && `error=${error}`].filter(Boolean).join(' ');
    return [' '.repeat(2 * depth) + line, ...childrenOf(span.id).flatMap((child) => lines(child, depth + 1))];
  };
  return childrenOf(undefined)
    .flatMap((root) => lines(root, 0))
    .join('\n');
}

export const goodTrace = `
SERVER service1 get / route=/
  - service1 call_service2_from_service1
    CLIENT service1 get
      SERVER service2 get / route=/
        - service2 call_service3_from_service2
          CLIENT service2 get
            SERVER service3 get / route=/
              - service3 sleep_service3
  - service1 call_service3_from_service1
    CLIENT service1 get
      SERVER service3 get / route=/
        - service3 sleep_service3`.trim();

export const goodSpans = goodTrace.split('\n').length;

export const failedTrace = `
SERVER service1 get / route=/
  - service1 call_service2_from_service1
    CLIENT service1 get error=500
      SERVER service2 get / route=/ error=500
        - service2 call_service3_from_service2 error=Intentional 100% failure
  - service1 call_service3_from_service1
    CLIENT service1 get
      SERVER service3 get / route=/
        - service3 sleep_service3`.trim();

export const failedSpans = failedTrace.split('\n').length;
