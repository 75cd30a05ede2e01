import { describe, expect, it } from 'vitest';
import { LONGEST_TEXT } from '../../../src/platform/log/censor.ts';
import { createLogger } from '../../../src/platform/log/logger.ts';

/** What the logger writes for one call. */
function logged(write: (logger: ReturnType<typeof createLogger>) => void): { text: string; line: Record<string, unknown> } {
  let text = '';
  write(createLogger({ logLevel: 'info' }, { write: (line) => void (text += line) }));
  return { text, line: JSON.parse(text) as Record<string, unknown> };
}

const CANARY = 'canary0123456789';
const JWT = `eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0${CANARY}.${CANARY}`;
const PEM = `-----BEGIN EC PRIVATE KEY-----\nMHcCAQ${CANARY}\n-----END EC PRIVATE KEY-----`;

describe('the logger', () => {
  it.each([
    ['an authorization header', { req: { headers: { authorization: `Bearer ${CANARY}` } } }],
    ['a header of another case', { headers: { Authorization: CANARY, 'Set-Cookie': CANARY } }],
    ['a token', { cluster: { server: 'https://c', token: CANARY } }],
    ['a kubeconfig', { body: { kubeconfig: `apiVersion: v1 ${CANARY}` } }],
    ['a secret in a list', { items: [{ secret: CANARY }] }],
    [
      'key material',
      { credential: { kind: 'token', value: CANARY }, 'client-key-data': CANARY, client_key_data: CANARY, privateKey: CANARY },
    ],
    ['bytes', { sealed: Buffer.from(CANARY), other: Buffer.from(CANARY) }],
    ['an API key in a text', { note: `tried slp_abc_${CANARY} today` }],
    ['a private key in a text', { note: `see ${PEM} there` }],
    ['a private key that was cut', { note: PEM.slice(0, 60) }],
    ['a web token in a text', { note: `got ${JWT}` }],
    ['a bearer in a text', { note: `header was bearer ${CANARY}` }],
    ['a password in a URL', { url: `postgresql://slipway:${CANARY}@db:5432/slipway` }],
    ['an error message', { err: new Error(`cannot use ${JWT}`) }],
    ['the cause of an error', { error: new Error('outer', { cause: new Error(`slp_x_${CANARY}`) }) }],
    ['a field of an error', { err: Object.assign(new Error('failed'), { parameters: [CANARY], config: { password: CANARY } }) }],
    ['an error in a field of another name', { trouble: { inner: new Error(`Bearer ${CANARY}`) } }],
  ])('does not write %s', (_case, fields) => {
    const { text } = logged((logger) => logger.info(fields, 'something happened'));

    expect(text).not.toContain(CANARY);
    expect(text).toContain('something happened');
  });

  it('does not write a secret in the message, nor in what is formatted into it', () => {
    expect(logged((logger) => logger.warn(`tried slp_a_${CANARY}`)).text).not.toContain(CANARY);
    expect(logged((logger) => logger.warn('tried %s', `slp_a_${CANARY}`)).text).not.toContain(CANARY);
    expect(logged((logger) => logger.warn(new Error(JWT))).text).not.toContain(CANARY);
    expect(
      logged((logger) => logger.child({ pem: PEM.slice(0, 60), url: `redis://:${CANARY}@host`, next: 'a@b' }).warn('child')).line,
    ).toMatchObject({
      pem: '[redacted]',
      next: 'a@b',
    });
    expect(logged((logger) => logger.child({ token: CANARY, note: JWT }).warn('child')).text).not.toContain(CANARY);
  });

  it('writes what is no secret as it is, with level and time', () => {
    const { line } = logged((logger) => logger.info({ rollout: 'r1', targets: [{ ready: 3 }], at: new Date(0), none: null }, 'opened'));

    expect(line).toMatchObject({
      level: 'info',
      message: 'opened',
      rollout: 'r1',
      targets: [{ ready: 3 }],
      at: '1970-01-01T00:00:00.000Z',
      none: null,
    });
    expect(Date.parse(String(line.time))).not.toBeNaN();
  });

  it('writes of an error its kind, message, code and stack', () => {
    const { line } = logged((logger) => logger.error({ err: Object.assign(new TypeError('broken'), { code: 'E1' }) }, 'failed'));

    expect(line.err).toMatchObject({ type: 'TypeError', message: 'broken', code: 'E1' });
    expect(String((line.err as { stack: string }).stack)).toContain('logger.test');
  });

  it('copes with objects that refer to themselves', () => {
    const loop: Record<string, unknown> = { name: 'loop' };
    loop.self = loop;

    expect(logged((logger) => logger.info({ loop }, 'round')).text).toContain('[deep]');
  });
});

describe('a text that is too long', () => {
  const SECRETS: [string, string][] = [
    ['an API key', `slp_abc_${CANARY}`],
    ['a private key', PEM],
    ['a web token', JWT],
    ['a web token whose secret is its first part', `eyJ${CANARY}.x.y`],
    ['a bearer', `bearer ${CANARY}`],
    ['a password', `postgresql://slipway:${CANARY}@db:5432/slipway`],
  ];

  it('is cut, and says how much is missing', () => {
    const { line } = logged((logger) => logger.info({ note: 'n'.repeat(LONGEST_TEXT + 5) }, 'm'.repeat(LONGEST_TEXT + 6)));

    expect(line.note).toBe(`${'n'.repeat(LONGEST_TEXT)}... (5 more characters)`);
    expect(line.message).toBe(`${'m'.repeat(LONGEST_TEXT)}... (6 more characters)`);
  });

  it.each(SECRETS)('shows nothing of %s, wherever it is cut', (_, secret) => {
    for (let kept = 0; kept <= secret.length; kept += 1) {
      const text = `${' '.repeat(LONGEST_TEXT - kept)}${secret} and so on`;
      const texts = [
        logged((logger) => logger.info({ note: text }, 'said')).text,
        logged((logger) => logger.info({ [text]: 'note' }, 'said')).text,
        logged((logger) => logger.info(text)).text,
        logged((logger) => logger.info(new Error(text))).text,
        logged((logger) => logger.child({ note: text, more: text.repeat(10) }).info('said')).text,
        logged((logger) => logger.info('%j', { note: text, more: text.repeat(10) })).text,
      ];
      for (const written of texts) expect([kept, written]).toEqual([kept, expect.not.stringContaining(CANARY.slice(0, 3))]);
    }
  });
});

describe('a line is of a bounded length', () => {
  const long = 'word '.repeat(100_000);

  it.each<[string, object]>([
    ['a long text', { note: long }],
    ['many texts', { notes: Array<string>(1_000).fill(long.slice(0, 50_000)) }],
    ['many fields', Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`field-${i}`, i]))],
    ['long names', { [long]: 1, [`${long}2`]: 2 }],
    ['an error', new Error(long, { cause: new Error(long, { cause: new Error(long) }) })],
    ['control characters', { note: '\0'.repeat(500_000) }],
  ])('with %s, in the fields as in those of a child', (_, fields) => {
    const own = logged((logger) => logger.warn({ fields }, 'said'));
    const childs = logged((logger) => logger.child({ fields }).warn('said'));
    for (const { text, line } of [own, childs]) {
      expect(text.length).toBeLessThan(256 * 1024);
      expect(line).toMatchObject({ level: 'warn', message: 'said' });
    }
  });

  it('with a value that holds the same parts many times', () => {
    const shared = Array.from({ length: 7 }).reduce<object>((below) => Array<object>(20).fill(below), { note: 'leaf' });

    expect(logged((logger) => logger.warn({ shared }, 'said')).text.length).toBeLessThan(256 * 1024);
  });
});
