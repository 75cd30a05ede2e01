import { describe, expect, test } from 'vitest';
import { Alarm, backoff } from '../../src/runtime/alarm.ts';

const rings = async (alarm: Alarm, within: number): Promise<boolean> =>
  Promise.race([alarm.next().then(() => true), new Promise<boolean>((resolve) => setTimeout(() => resolve(false), within))]);

describe('an alarm', () => {
  test('rings at the earliest time that was asked for', async () => {
    const alarm = new Alarm();
    alarm.ring(60_000);
    alarm.ring(20);
    const started = performance.now();
    expect(await rings(alarm, 1_000)).toBe(true);
    expect(performance.now() - started).toBeGreaterThanOrEqual(19);
  });

  test('keeps what rang while nobody listened, as one ring', async () => {
    const alarm = new Alarm();
    alarm.ring();
    alarm.ring();
    expect(await rings(alarm, 1_000)).toBe(true);
    expect(await rings(alarm, 30)).toBe(false);
  });

  test('wakes who waits already', async () => {
    const alarm = new Alarm();
    const waiting = rings(alarm, 1_000);
    alarm.ring(5);
    expect(await waiting).toBe(true);
  });
});

test('waiting doubles up to its limit, half of it at random', () => {
  expect([1, 2, 3, 4, 5].map((attempt) => backoff(attempt, 100, 1_000, () => 1))).toEqual([100, 200, 400, 800, 1_000]);
  expect([1, 2, 3, 4, 5].map((attempt) => backoff(attempt, 100, 1_000, () => 0))).toEqual([50, 100, 200, 400, 500]);
  expect(backoff(1_000, 100, 1_000, () => 1)).toBe(1_000);
});
