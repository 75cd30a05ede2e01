import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { preferredWait, Waits } from '../../../src/platform/api/prefer-wait.ts';

describe('Prefer', () => {
  it.each([
    ['wait=10', 10],
    ['respond-async, wait=10', 10],
    ['wait = "5"; foo', 5],
    ['WAIT=7', 7],
    ['wait=9999', 600],
    ['wait=0', 0],
    ['wait=-1', null],
    ['wait=soon', null],
    ['await=3', null],
    ['', null],
    [undefined, null],
  ])('%s means %s seconds', (header, seconds) => {
    expect(preferredWait(header)).toBe(seconds);
  });
});

describe('waiting', () => {
  const settled = new Set<string>();
  let statements: string[][];
  let waits: Waits;

  beforeEach(() => {
    vi.useFakeTimers();
    settled.clear();
    statements = [];
    waits = new Waits();
    waits.add('rollout', {
      settled: async (ids) => {
        statements.push(ids);
        return ids.filter((id) => settled.has(id));
      },
      isTerminal: () => true,
    });
  });
  afterEach(() => {
    waits.beforeApplicationShutdown();
    vi.useRealTimers();
  });

  const wait = (id: string, seconds: number): { over: () => boolean } => {
    let over = false;
    void waits.until('rollout', id, seconds).then(() => (over = true));
    return { over: () => over };
  };

  it('ends at once for what has settled already', async () => {
    settled.add('a');
    const waiting = wait('a', 60);
    await vi.advanceTimersByTimeAsync(0);
    expect(waiting.over()).toBe(true);
  });

  it('ends when an announcement says so', async () => {
    const waiting = wait('a', 60);
    await vi.advanceTimersByTimeAsync(100);
    expect(waiting.over()).toBe(false);
    settled.add('a');
    waits.look('rollout', 'a');
    await vi.advanceTimersByTimeAsync(0);
    expect(waiting.over()).toBe(true);
  });

  it('ends within five seconds if every announcement is lost, by one statement for all', async () => {
    const waiting = ['a', 'b', 'c'].map((id) => wait(id, 60));
    await vi.advanceTimersByTimeAsync(100);
    settled.add('b');
    statements = [];
    await vi.advanceTimersByTimeAsync(5_000);
    expect(waiting.map(({ over }) => over())).toEqual([false, true, false]);
    expect(statements).toEqual([['a', 'b', 'c']]);
  });

  it('ends when the time is up', async () => {
    const waiting = wait('a', 3);
    await vi.advanceTimersByTimeAsync(2_999);
    expect(waiting.over()).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(waiting.over()).toBe(true);
  });

  it('ends when the process is about to stop, and does not begin any more', async () => {
    const waiting = wait('a', 600);
    await vi.advanceTimersByTimeAsync(10);
    waits.beforeApplicationShutdown();
    await vi.advanceTimersByTimeAsync(0);
    expect(waiting.over()).toBe(true);
    const late = wait('b', 600);
    await vi.advanceTimersByTimeAsync(0);
    expect(late.over()).toBe(true);
  });

  it('goes on after a statement that failed', async () => {
    let failing = true;
    waits.add('fragile', {
      settled: async (ids) => {
        if (failing) throw new Error('the database is away');
        return ids;
      },
      isTerminal: () => true,
    });
    let over = false;
    void waits.until('fragile', 'a', 60).then(() => (over = true));
    await vi.advanceTimersByTimeAsync(0);
    failing = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(over).toBe(true);
  });
});
