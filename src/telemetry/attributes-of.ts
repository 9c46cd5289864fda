import type { Attributes, Span } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';

/** The attributes of a span, to read or remove them: the SDK's spans have them, the API's don't. */
export const attributesOf = (span: Span): Attributes => (span as Span & Partial<ReadableSpan>).attributes ?? {};
