import { after } from 'node:test';
import { startDemo, startViewer } from './support.ts';

/** One demo for all the tests of a file, and the viewer that gets its spans. */
export async function startSharedDemo(envFor: (viewer: { url: string }) => Record<string, string> = () => ({})) {
  const viewer = await startViewer();
  const demo = await startDemo(viewer, envFor(viewer));
  after(async () => {
    await demo[Symbol.asyncDispose]();
    await viewer[Symbol.asyncDispose]();
  });
  return { viewer, demo };
}
