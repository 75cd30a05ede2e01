import { expect, it } from 'vitest';
import { runSeed } from './run.ts';
import { underVirtualTime } from './time.ts';

it('replays exactly', async () => {
  const [first, second] = await underVirtualTime(async () => [await runSeed(7), await runSeed(7)]);
  expect(second.log).toEqual(first.log);
  expect(second.events).toBe(first.events);
  expect(first.log.length).toBeGreaterThan(10);
});
