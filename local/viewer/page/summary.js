import { html } from '/viewer/lit-html/lit-html.js';
import { count, formatDuration } from './trace.js';

/** @import { Summary } from './trace.js' */

/** A hue that is not red; those of service1, service2 and service3 are far apart. */
export const hueOf = (name) => 60 + ([...name].reduce((sum, letter) => sum + 83 * letter.codePointAt(0), 0) % 240);
const serviceName = (name) => html`<span class="service" .style=${`--hue: ${hueOf(name)}`}>${name}</span>`;

/**
 * A trace in a line; without totals as long as they would be wrong.
 * @param {Summary} summary
 */
export function summaryLine({ state, duration, services, spans, failed }) {
  if (state === 'arriving') return html`<span class="note">still arriving …</span>`;
  return html`
    <span class="total">${formatDuration(duration)}</span>
    <span class="spans">${count(spans, 'span')}</span>
    <span class="services">${services.map(serviceName)}</span>
    <span class="failed">${failed > 0 ? `failed (${count(failed, 'span')})` : ''}</span>
    <span class="note">${state === 'incomplete' ? 'incomplete: parent not received' : ''}</span>`;
}
