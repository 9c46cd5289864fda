import type { ZipkinSpan } from '../../local/viewer/span.ts';
import type { Backend } from './backends.ts';

/** A Jaeger server, with its spans converted to Zipkin's format. */
export function jaegerAt(url: string | undefined, env: Record<string, string>): Backend {
  type Tag = { key: string; type: string; value: unknown };
  type Span = {
    spanID: string;
    operationName: string;
    startTime: number;
    processID: string;
    references: { spanID: string }[];
    tags: Tag[];
  };
  type Trace = { spans: Span[]; processes: Record<string, { serviceName: string }> };
  return {
    env,
    trace: async (id) => {
      const response = await fetch(`${url}/api/traces/${id}`);
      if (!response.ok) return [];
      const { data } = (await response.json()) as { data: Trace[] };
      return data.flatMap(({ spans, processes }) =>
        spans.map((span) => {
          // Jaeger marks a failed span with a boolean `error`; the reason is the status description, our tag, or the
          // type
          const tags = Object.fromEntries(
            span.tags.filter((t) => t.type === 'string').map((t) => [t.key, `${t.value}`]),
          );
          const {
            'span.kind': kind,
            'otel.status_description': reason = tags.error ?? tags['error.type'],
            ...others
          } = tags;
          const failed = span.tags.some((tag) => tag.key === 'error' && tag.value === true);
          return {
            traceId: id,
            id: span.spanID,
            parentId: span.references[0]?.spanID,
            name: span.operationName.toLowerCase(),
            kind: kind && kind !== 'internal' ? kind.toUpperCase() : undefined,
            timestamp: span.startTime,
            localEndpoint: { serviceName: processes[span.processID]?.serviceName },
            tags: { ...others, ...(failed && { error: reason ?? 'true' }) },
          } as ZipkinSpan;
        }),
      );
    },
  };
}
