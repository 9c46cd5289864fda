import { trace } from '@opentelemetry/api';
import type { RequestHandler } from 'express';
import type { Config } from '../config.ts';
import { getStatus, report, settle } from '../downstream.ts';
import { redactHeaders } from '../headers.ts';
import { traceLink, withSpan } from '../span.ts';

/** Calls service2, then service3, and answers with what they answered. A 500 from service2 is part of the demo, so the answer is 200 then too. */
export function service1(config: Config): RequestHandler {
  return async (req, res) => {
    // An attribute added by hand to the span that is active here, the automatic SERVER span. (In a real service, list the headers
    // that you want in headersToSpanAttributes of instrumentation-http: they become the standard `http.request.header.<name>`.)
    trace.getActiveSpan()?.setAttribute('user_headers', JSON.stringify(redactHeaders(req.headers)));

    const service2 = await settle(
      withSpan('call_service2_from_service1', () => getStatus(config.service2Url, config.downstreamTimeoutMs)),
    );
    const service3 = await settle(
      withSpan('call_service3_from_service1', () => getStatus(config.service3Url, config.downstreamTimeoutMs)),
    );

    const { status, body } = report({ service2, service3 });
    res
      .status(status)
      .json({ failure_chance_pct: config.intentionalFailurePct, ...body, ...traceLink(config.traceUiUrl) });
  };
}
