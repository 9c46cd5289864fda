const svg = document.querySelector('svg');
const status = document.querySelector('#status');
const table = document.querySelector('table');
const buttons = document.querySelectorAll('button');

for (const button of buttons) button.addEventListener('click', () => send(button));

/** @param {HTMLButtonElement} button */
async function send(button) {
  for (const each of buttons) each.disabled = true;
  for (const box of svg.querySelectorAll('.failed')) box.classList.remove('failed');
  svg.classList.add('running');
  status.textContent = 'Running…';
  const when = new Date();
  const start = performance.now();
  const body = await fetch(`/${button.dataset.query}`, { headers: { accept: 'application/json' } })
    .then((response) => response.json())
    .catch(() => ({}));
  addRow(when, performance.now() - start, body);

  const { response_codes: codes } = body;
  const failed = codes ? ['service2', 'service3'].filter((service) => codes[service] !== 200) : ['service1'];
  for (const service of failed) svg.querySelector(`[data-service=${service}]`).classList.add('failed');
  svg.classList.remove('running');
  status.textContent = failed.length ? `${failed.join(' and ')} failed` : 'All went well';
  for (const each of buttons) each.disabled = false;
  if (document.activeElement === document.body) button.focus(); // the focus was lost when the button was disabled
}

function addRow(when, ms, { response_codes: codes, trace_url: url }) {
  table.hidden = false;
  const row = table.tBodies[0].insertRow(0);
  row.insertCell().textContent = when.toLocaleTimeString();
  row.insertCell().textContent = `${Math.round(ms)} ms`;
  for (const service of ['service2', 'service3']) {
    const cell = row.insertCell();
    cell.textContent = codes?.[service] ?? 'no response';
    cell.classList.toggle('failed', codes?.[service] !== 200);
  }
  const link = Object.assign(document.createElement('a'), { href: url, target: '_blank', textContent: 'Open trace' });
  row.insertCell().append(url ? link : 'not traced');
}
