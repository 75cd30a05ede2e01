import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/platform/log/logger.ts';
import { nestLogger } from '../../src/platform/log/nest-logger.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { rawSocket } from '../support/socket.ts';

let api: TestApi;
let lines: string[] = [];
beforeAll(async () => {
  api = await startTestApi();
  Logger.overrideLogger(nestLogger(createLogger({ logLevel: 'info' }, { write: (line) => void lines.push(line) })));
});
afterAll(() => {
  Logger.overrideLogger(nestLogger(createLogger({ logLevel: 'silent' })));
  return api.close();
});

const SOCKETS = 20;
/** As long as Node takes a header. */
const LENGTH = 15_000;

/** Opens sockets that offer this protocol, and asks for something else meanwhile. Returns how they were closed and the milliseconds until all was answered. */
async function flood(protocol: string): Promise<{ codes: number[]; milliseconds: number }> {
  lines = [];
  const begin = performance.now();
  const sockets = Array.from({ length: SOCKETS }, async () => (await rawSocket(api.url, protocol)).closed);
  const other = fetch(`${api.url}/healthz`);
  const codes = await Promise.all(sockets);
  expect((await other).status).toBe(200);
  return { codes, milliseconds: performance.now() - begin };
}

describe('sockets that offer a protocol of 15,000 characters', () => {
  it.each([
    ['words', 'a-'],
    ['beginnings of web tokens', 'eyJ-'],
    ['other beginnings', 'slp_.bearer.'],
  ])('of %s are refused as fast as those of any other', async (_, part) => {
    await flood('a'.repeat(LENGTH));
    const plain = await flood('a'.repeat(LENGTH));
    const crafted = await flood(part.repeat(LENGTH / part.length));

    expect(crafted.codes).toEqual(Array<number>(SOCKETS).fill(4406));
    expect(crafted.milliseconds).toBeLessThan(5 * plain.milliseconds + 300);
    expect(lines).toHaveLength(SOCKETS);
    for (const line of lines) expect(line.length).toBeLessThan(LENGTH);
  });
});
