import 'reflect-metadata';
import { Controller, Get, Module, type OnApplicationShutdown, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const { PORT = '', DOWNSTREAM_URL = '' } = process.env;

@Controller()
class Orders implements OnApplicationShutdown {
  @Get('orders/:id')
  async order(@Param('id') id: string) {
    const response = await fetch(DOWNSTREAM_URL);
    return { order: id, downstream: await response.json() };
  }
  @Get('fail')
  fail() {
    throw new Error('fail');
  }
  @Get('slow')
  async slow() {
    console.log('slow');
    await new Promise((resolve) => setTimeout(resolve, 500));
    return 'whole';
  }
  @Get('crash')
  crash() {
    setImmediate(() => {
      throw new Error('the cause');
    });
  }
  onApplicationShutdown() {
    console.log('closed');
  }
}

@Module({ controllers: [Orders] })
class App {}

async function main() {
  const app = await NestFactory.create(App, { logger: ['error'] });
  app.enableShutdownHooks();
  await app.listen(PORT);
  console.log(await app.getUrl());
}
main();
