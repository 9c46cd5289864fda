import express from 'express';

const { PORT = 3000, DOWNSTREAM_URL = 'http://localhost:5003' } = process.env; // service3 of the demo

const app = express();

app.get('/orders/:id', async (req, res) => {
  const response = await fetch(DOWNSTREAM_URL);
  res.json({ order: req.params.id, downstream: await response.json() });
});

const server = app.listen(PORT, (error) => {
  if (error) throw error;
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`try http://localhost:${port}/orders/7`);
});
