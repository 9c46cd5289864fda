const svg = document.querySelector('svg');
const status = document.querySelector('#status');
const why = /** @type {HTMLElement} */ (document.querySelector('#why'));
const table = document.querySelector('table');
const buttons = document.querySelectorAll('button');

/** The rows, newest first: they survive a reload, and the way back from a trace. */
let rows = JSON.parse(sessionStorage.getItem('rows') ?? '[]');
for (const row of rows.toReversed()) showRow(row);

for (const button of buttons) button.addEventListener('click', () => send(button));

/** @param {HTMLButtonElement} button */
async function send(button) {
  if (button.ariaDisabled) return;
  for (const each of buttons) each.ariaDisabled = 'true'; // `disabled` would take the focus away
  for (const shape of svg.querySelectorAll('.failed, .skipped')) shape.classList.remove('failed', 'skipped');
  svg.classList.add('running');
  status.textContent = 'Running…';
  const when = new Date();
  const start = performance.now();
  const body = await fetch(`/${button.dataset.query}`, { headers: { accept: 'application/json' } })
    .then((response) => response.json())
    .catch(() => undefined);
  const took = `${Math.round(performance.now() - start)} ms`;
  const { response_codes: codes, trace_url: url } = body ?? {};
  addRow({ time: when.toLocaleTimeString(), button: button.innerText, took, hasResponse: !!body, codes, url });

  const failed = codes ? ['service2', 'service3'].filter((service) => codes[service] !== 200) : ['service1'];
  for (const service of failed) svg.querySelector(`[data-service=${service}]`).classList.add('failed');
  const skipped = codes?.service2 === 500; // had that call failed, service2 would respond 502
  svg.querySelector('#service2-service3').classList.toggle('skipped', skipped);
  svg.classList.remove('running');
  const text = failed.length ? `${failed.join(' and ')} failed` : 'All went well';
  const flow = skipped ? '; only service1 called service3' : '';
  status.textContent = body ? text + flow : 'No response from service1: is it running?';
  why.hidden = !url || failed.length === 0;
  for (const each of buttons) each.ariaDisabled = null;
}

function addRow(row) {
  rows = [row, ...rows].slice(0, 100);
  sessionStorage.setItem('rows', JSON.stringify(rows));
  showRow(row);
}

function showRow({ time, button, took, hasResponse, codes, url }) {
  table.hidden = false;
  /** @type {HTMLElement} */ (document.querySelector('#none')).hidden = true;
  const row = table.tBodies[0].insertRow(0);
  for (const text of [time, button, took]) row.insertCell().textContent = text;
  for (const service of ['service2', 'service3']) {
    const cell = row.insertCell();
    cell.textContent = codes ? (codes[service] ?? 'no response') : '–';
    if (codes && codes[service] !== 200) cell.className = 'failed';
  }
  const link = Object.assign(document.createElement('a'), { href: url, target: 'trace', textContent: 'Open trace' });
  link.ariaLabel = `Open trace of ${time}, ${took}, in a second tab`;
  row.insertCell().append(url ? link : hasResponse ? 'not sampled' : 'no response');
}
