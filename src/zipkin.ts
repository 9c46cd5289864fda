// What Zipkin's format and B3 need beyond the packages as they come. With OTLP and tracecontext this file is not needed.
import { defaultTextMapGetter, type TextMapPropagator } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import { type B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3';
import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node';

const maxPosts = 10;

/**
 * A ZipkinExporter (it POSTs to OTEL_EXPORTER_ZIPKIN_ENDPOINT) with at most 10 POSTs under way. It never gives up on one: with a Zipkin
 * that accepts and does not answer, each batch that the SDK gives up on after OTEL_BSP_EXPORT_TIMEOUT would stay in memory.
 */
export function createZipkinExporter(): NonNullable<NodeSDKConfiguration['traceExporter']> {
  const zipkin = new ZipkinExporter();
  let posts = 0;
  return {
    export(spans, done) {
      if (posts >= maxPosts) {
        return done({ code: ExportResultCode.FAILED, error: new Error(`${posts} POSTs have had no answer yet`) });
      }
      posts++;
      zipkin.export(spans, (result) => {
        posts--;
        done(result);
      });
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
      const value = defaultTextMapGetter.get(headers, name);
      return typeof value === 'string' ? value.toLowerCase() : value;
    },
  };
  return {
    inject: (context, headers, setter) => b3.inject(context, headers, setter),
    extract: (context, headers) => b3.extract(context, headers, lowerCase),
    fields: () => b3.fields(),
  };
}
