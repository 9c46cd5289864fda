// What Zipkin's format and B3 need beyond the packages as they come. With OTLP and tracecontext this file is not needed.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { defaultTextMapGetter, type TextMapPropagator } from '@opentelemetry/api';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import { type B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3';
import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node';

/**
 * A ZipkinExporter (it POSTs to OTEL_EXPORTER_ZIPKIN_ENDPOINT) that gives up on a POST after `timeoutMs` milliseconds without an answer.
 * By itself it waits for ever, reads no OTEL_EXPORTER_ZIPKIN_TIMEOUT, and keeps the batch in memory while the SDK makes the next one.
 */
export function createZipkinExporter(timeoutMs: number): NonNullable<NodeSDKConfiguration['traceExporter']> {
  const zipkin = new ZipkinExporter();
  const limit = (event: unknown) => {
    const { request } = event as { request: ClientRequest };
    request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  };
  return {
    export(spans, done) {
      // Node announces every request on this channel; the exporter makes its own before export() returns.
      subscribe('http.client.request.created', limit);
      zipkin.export(spans, done);
      unsubscribe('http.client.request.created', limit);
    },
    shutdown: () => zipkin.shutdown(),
  };
}

/**
 * A B3Propagator that takes ids in lower case. B3Propagator takes upper-case ones as they come, and Zipkin refuses them and with them
 * the whole batch: any caller could erase other people's traces. (B3 ids are lower-case: https://github.com/openzipkin/b3-propagation)
 */
export function createB3Propagator(injectEncoding: B3InjectEncoding): TextMapPropagator {
  const b3 = new B3Propagator({ injectEncoding });
  const lowerCase = {
    keys: defaultTextMapGetter.keys,
    get(headers: unknown, name: string) {
      const [value] = [defaultTextMapGetter.get(headers, name)].flat();
      return value?.toLowerCase();
    },
  };
  return {
    inject: (context, headers, setter) => b3.inject(context, headers, setter),
    extract: (context, headers) => b3.extract(context, headers, lowerCase),
    fields: () => b3.fields(),
  };
}
