import { expect, test } from 'vitest';
import { Rerun } from '../../src/runtime/rerun.ts';

test('whoever asks while it runs is served by one run more, and runs never overlap', async () => {
  let running = 0;
  let runs = 0;
  const gates: (() => void)[] = [];
  const rerun = new Rerun(async () => {
    expect(++running).toBe(1);
    runs += 1;
    await new Promise<void>((resolve) => gates.push(resolve));
    running -= 1;
  });
  const first = rerun.ask();
  const later = [rerun.ask(), rerun.ask(), rerun.ask()];
  gates.shift()?.();
  await new Promise(setImmediate);
  gates.shift()?.();
  await Promise.all([first, ...later]);
  expect(runs).toBe(2);
});

test('an ask at any moment around the end of a run is served', async () => {
  for (let ticks = 0; ticks < 12; ticks += 1) {
    let runs = 0;
    const rerun = new Rerun(async () => {
      runs += 1;
    });
    void rerun.ask();
    for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
    const before = runs;
    await rerun.ask();
    expect(runs).toBeGreaterThan(ticks === 0 ? 1 : before);
  }
});

test('a failed run is told to whoever asked, and the next one runs', async () => {
  let fail = true;
  const rerun = new Rerun(() => (fail ? Promise.reject(new Error('no')) : Promise.resolve()));
  await expect(rerun.ask()).rejects.toThrow('no');
  fail = false;
  await expect(rerun.ask()).resolves.toBeUndefined();
});
