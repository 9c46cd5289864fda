import closeWithGrace from 'close-with-grace';
import Fastify from 'fastify';

const { PORT, DOWNSTREAM_URL } = process.env;

const app = Fastify();

app.get('/orders/:id', async (request) => {
  const response = await fetch(DOWNSTREAM_URL);
  return { order: request.params.id, downstream: await response.json() };
});
app.get('/fail', async () => {
  throw new Error('fail');
});
app.get('/slow', (_request, reply) => {
  console.log('slow');
  setTimeout(() => reply.send('whole'), 500);
});
app.get('/crash', (_request, reply) => {
  reply.send('');
  setImmediate(() => {
    throw new Error('the cause');
  });
});

closeWithGrace(async ({ err }) => {
  if (err) console.error(err);
  await app.close();
  console.log('closed');
});

console.log(await app.listen({ port: PORT }));
