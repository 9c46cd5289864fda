import express from 'express';
import pg from 'pg';

const { PORT, DOWNSTREAM_URL, DATABASE_URL } = process.env;

const database = new pg.Pool({ connectionString: DATABASE_URL, max: 1 });
const app = express();

app.get('/orders/:id', async (req, res) => {
  const { rows } = await database.query('SELECT $1::text AS order', [req.params.id]);
  const response = await fetch(DOWNSTREAM_URL);
  res.json({ order: rows[0].order, downstream: await response.json() });
});
app.get('/fail', async () => {
  await database.query('SELECT * FROM nothing');
});
app.get('/slow', async (_req, res) => {
  console.log('slow');
  await database.query('SELECT pg_sleep(0.5)');
  res.end('whole');
});
app.get('/crash', (_req, res) => {
  res.end();
  setImmediate(() => {
    throw new Error('the cause');
  });
});

const server = app.listen(PORT, () => console.log(`http://localhost:${server.address().port}`));

process.on('SIGTERM', () => {
  server.close(async () => {
    await database.end();
    console.log('closed');
    process.exit();
  });
});
