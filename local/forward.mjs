// For `npm run experiment by-hand`, in service2's place: a service that was traced by hand. It copies the B3 headers of
// a request into its call. The instrumentation of fetch sends them, too.
import express from 'express';

const { HOST, PORT = 5002, SERVICE3_URL = 'http://127.0.0.1:5003' } = process.env;

const passOnB3 = async (req, res) => {
  const b3 = Object.entries(req.headers).filter(([name]) => name.startsWith('x-b3-'));
  const response = await fetch(SERVICE3_URL, { headers: Object.fromEntries(b3) });
  res.json(await response.json());
};
const server = express().get('/', passOnB3).listen(PORT, HOST);
server.on('listening', () => console.log(`listens on http://${HOST}:${server.address().port}`));
