import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStandalone } from '../../src/standalone.ts';
import { checkMasterKey } from '../../src/tenants/master-key.ts';
import { OPERATOR_KEY, startTestApi } from '../support/api.ts';
import type { TestApi } from '../support/api.ts';
import { freshDatabase, onConnection } from '../support/database.ts';
import { buildProgram, runProgram } from '../support/program.ts';

const masterKey = randomBytes(32);
const another = randomBytes(32);
const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-master-key-'));
let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ masterKey });
  await api.tenant('first');
});

afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

const environment = (): Record<string, string> => ({
  PORT: '0',
  DATABASE_URL: api.database.appUrl,
  DATABASE_OWNER_URL: api.database.ownerUrl,
  SLIPWAY_OPERATOR_KEY: OPERATOR_KEY,
  LOG_LEVEL: 'silent',
});
const dataKeys = (): Promise<unknown[]> =>
  onConnection(api.database.ownerUrl, async (client) => (await client.query<object>('SELECT id, data_key_sealed FROM tenants')).rows);

describe('the master key', () => {
  it('is any as long as there is no tenant, and then the one that the first was made under', async () => {
    const empty = await freshDatabase();

    await expect(checkMasterKey({ databaseUrl: empty.appUrl, masterKey: another })).resolves.toBeUndefined();
    await empty.drop();
    await expect(checkMasterKey({ databaseUrl: api.database.appUrl, masterKey })).resolves.toBeUndefined();
    await expect(checkMasterKey({ databaseUrl: api.database.appUrl, masterKey: another })).rejects.toThrow(
      'The master key from SLIPWAY_MASTER_KEY does not match this database, whose credentials are sealed with another: start with the key used before.',
    );
  });

  it.each(['main', 'worker'] as const)(
    'that is another stops the start of %s with one line',
    async (name) => {
      await buildProgram();
      const before = await dataKeys();

      const ended = await runProgram(name, { ...environment(), SLIPWAY_MASTER_KEY: another.toString('base64') });

      expect(ended).toMatchObject({ code: 1, out: '' });
      expect(ended.err).toMatch(
        /^The master key from SLIPWAY_MASTER_KEY does not match this database, .*: start with the key used before\.\n$/,
      );
      expect(await dataKeys()).toEqual(before);
    },
    60_000,
  );

  it('that is another stops the start of standalone, which names its file too', async () => {
    const start = startStandalone({ ...environment(), DATA_DIR: folder });

    await expect(start).rejects.toThrow(
      `The master key from SLIPWAY_MASTER_KEY or else ${path.join(folder, 'master-key')} does not match this database`,
    );
  }, 60_000);
});
