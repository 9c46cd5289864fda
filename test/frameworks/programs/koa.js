import Router from '@koa/router';
import Koa from 'koa';

const { PORT, DOWNSTREAM_URL } = process.env;

const router = new Router();

router.get('/orders/:id', async (ctx) => {
  const response = await fetch(DOWNSTREAM_URL);
  ctx.body = { order: ctx.params.id, downstream: await response.json() };
});
router.get('/fail', () => {
  throw new Error('fail');
});
router.get('/slow', async (ctx) => {
  console.log('slow');
  await new Promise((resolve) => setTimeout(resolve, 500));
  ctx.body = 'whole';
});
router.get('/crash', (ctx) => {
  ctx.body = '';
  setImmediate(() => {
    throw new Error('the cause');
  });
});

const app = new Koa().use(router.routes());
const server = app.listen(PORT, () => console.log(`http://localhost:${server.address().port}`));

process.on('SIGTERM', () => server.close(() => console.log('closed')));
