import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Expiry } from '../../../src/platform/db/expiry.ts';

const TEN_MINUTES = 10 * 60 * 1000;

let ran: string[];
let expiry: Expiry;
beforeEach(() => {
  vi.useFakeTimers();
  ran = [];
  expiry = new Expiry();
});
afterEach(() => {
  expiry.onApplicationShutdown();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const noting = (what: string) => async () => void ran.push(what);

describe('expiry', () => {
  it('runs what was added, every ten minutes until the process stops', async () => {
    expiry.add('apples', noting('apples'));
    expiry.add('pears', noting('pears'));
    expiry.onApplicationBootstrap();

    await vi.advanceTimersByTimeAsync(TEN_MINUTES - 1);
    expect(ran).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(ran).toEqual(['apples', 'pears']);
    await vi.advanceTimersByTimeAsync(TEN_MINUTES);
    expect(ran).toEqual(['apples', 'pears', 'apples', 'pears']);

    expiry.onApplicationShutdown();
    await vi.advanceTimersByTimeAsync(TEN_MINUTES);
    expect(ran).toHaveLength(4);
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('permission denied'))],
    [
      'throws',
      () => {
        throw new Error('a bug');
      },
    ],
  ])('runs the others where one %s, which is logged and tried again', async (_, fail) => {
    const warned = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    let failing = true;
    expiry.add('apples', () => (failing ? fail() : noting('apples')()));
    expiry.add('pears', noting('pears'));

    await expiry.clean();
    expect(ran).toEqual(['pears']);
    expect(warned).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ message: 'expired apples were not deleted' }));

    failing = false;
    await expiry.clean();
    expect(ran).toEqual(['pears', 'apples', 'pears']);
  });

  it('refuses two deletions of the same rows', () => {
    expiry.add('apples', noting('apples'));
    expect(() => expiry.add('apples', noting('apples'))).toThrow('apples expire twice');
  });
});
