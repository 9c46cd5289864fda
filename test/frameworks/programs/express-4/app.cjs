const express = require('express');

const { PORT, DOWNSTREAM_URL } = process.env;

const app = express();

app.get('/orders/:id', async (req, res) => {
  const response = await fetch(DOWNSTREAM_URL);
  res.json({ order: req.params.id, downstream: await response.json() });
});
app.get('/fail', () => {
  throw new Error('fail');
});
const routerOf = (path) => express.Router().get(path, (_req, res) => void res.end());
app.use('/api', routerOf('/users/:id')).use('/api', routerOf('/orders/:id'));
app.get('/slow', (_req, res) => {
  console.log('slow');
  setTimeout(() => res.end('whole'), 500);
});
app.get('/crash', (_req, res) => {
  res.end();
  setImmediate(() => {
    throw new Error('the cause');
  });
});

const server = app.listen(PORT, () => console.log(`http://localhost:${server.address().port}`));
