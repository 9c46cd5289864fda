/** The list of traces in the UI that `traceUiUrl` leads to: Zipkin's and the viewer's at /zipkin/, Jaeger's at /. */
export function traceListUrl(traceUiUrl: string): string {
  const [list = '', ...rest] = traceUiUrl.split(/traces?\/\{traceId\}/);
  return rest.length > 0 ? list : new URL('/', traceUiUrl).href;
}
