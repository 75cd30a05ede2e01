import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isAlive } from '../src/standalone/data-folder.ts';
import { startStandalone } from '../src/standalone.ts';
import { freshDatabase } from './support/database.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-standalone-'));
const environment = { PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'silent' };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const me = (url: string, key: string): Promise<Response> => fetch(`${url}/v1/tenants`, { headers: { authorization: `Bearer ${key}` } });

describe('standalone', () => {
  it('answers on a Postgres of its own, keeps rows and keys over a restart, and leaves nothing running', async () => {
    const first = await startStandalone(environment);
    const key = readFileSync(path.join(folder, 'operator-key'), 'utf8');
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
    const made = await fetch(`${first.url}/v1/tenants`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'kept' }),
    });
    expect(made.status).toBe(201);
    await first.close();
    expect(isAlive(first.postgres?.pid ?? 0)).toBe(false);
    await expect(fetch(first.url)).rejects.toThrow();

    const second = await startStandalone(environment);
    try {
      const list = (await (await me(second.url, key)).json()) as { items: { name: string }[] };

      expect(list.items.map(({ name }) => name)).toEqual(['kept']);
      expect(second.config.masterKey).toEqual(first.config.masterKey);
      for (const file of ['operator-key', 'master-key', 'postgres-password'])
        expect(statSync(path.join(folder, file)).mode & 0o777).toBe(0o600);
    } finally {
      await second.close();
    }
  }, 60_000);

  it('stops its Postgres again when the port is taken', async () => {
    const taken = createServer().listen(0, '0.0.0.0');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;

    await expect(startStandalone({ ...environment, PORT: String(port) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    taken.close();

    expect(() => statSync(path.join(folder, 'slipway.pid'))).toThrow();
    expect(() => statSync(path.join(folder, 'postgres/postmaster.pid'))).toThrow();
  }, 60_000);

  it('uses the Postgres that it is given', async () => {
    const fresh = await freshDatabase();
    const standalone = await startStandalone({ ...environment, DATABASE_URL: fresh.appUrl, DATABASE_OWNER_URL: fresh.ownerUrl });
    try {
      expect(standalone.postgres).toBeNull();
      expect((await fetch(`${standalone.url}/readyz`)).status).toBe(200);
    } finally {
      await standalone.close();
      await fresh.drop();
    }
  }, 60_000);
});
