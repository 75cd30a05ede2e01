import pg from 'pg';
import { Seal } from '../common/seal.ts';
import { StartError } from '../common/start-error.ts';
import type { Config } from '../config.ts';

/** The data key of the tenant who came first; null where there is no tenant. The role that sees all tenants sees no key, so each is asked in its turn. */
async function oldestDataKey(client: pg.Client): Promise<{ tenantId: string; sealed: Uint8Array } | null> {
  await client.query('SET ROLE slipway_system');
  const { rows: tenants } = await client.query<{ id: string }>('SELECT id FROM tenants ORDER BY id LIMIT 1');
  const [tenant] = tenants;
  if (!tenant) return null;
  await client.query('SET ROLE slipway_app');
  await client.query("SELECT set_config('app.tenant_id', $1, false)", [tenant.id]);
  const { rows } = await client.query<{ sealed: Uint8Array }>('SELECT data_key_sealed AS sealed FROM tenants WHERE id = $1', [tenant.id]);
  return rows[0] ? { tenantId: tenant.id, sealed: rows[0].sealed } : null;
}

/**
 * Refuses, with a `StartError`, a master key that is not the one which the tenants' data keys were sealed under: nothing that is sealed could be opened, and
 * no credential be taken. On a migrated database.
 * @param source where the key is from, for the one who has to change it
 */
export async function checkMasterKey(config: Pick<Config, 'databaseUrl' | 'masterKey'>, source = 'SLIPWAY_MASTER_KEY'): Promise<void> {
  const client = new pg.Client({ connectionString: config.databaseUrl, application_name: 'slipway start' });
  client.on('error', () => undefined); // what was under way fails, and says so
  await client.connect();
  try {
    const oldest = await oldestDataKey(client);
    if (oldest === null || new Seal(config.masterKey).opensDataKey(oldest.sealed, oldest.tenantId)) return;
  } finally {
    await client.end();
  }
  throw new StartError(
    `The master key, from ${source}, is not the one that this database's credentials are sealed with: start with the key used before.`,
  );
}
