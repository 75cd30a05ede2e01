import pg from 'pg';
import { Seal } from '../platform/crypto/seal.ts';
import { StartError } from '../platform/start-error.ts';
import type { PlatformSettings } from '../platform/settings.ts';

/** Data key of the oldest tenant; null if there is none. The role that sees all tenants sees no keys, so the key is read as that tenant. */
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
 * Throws `StartError` if the master key is not the one that sealed the tenants' data keys, because no credential could be opened or stored. Needs a migrated
 * database.
 * @param source where the key comes from, for the message
 */
export async function checkMasterKey(
  config: Pick<PlatformSettings, 'databaseUrl' | 'masterKey'>,
  source = 'SLIPWAY_MASTER_KEY',
): Promise<void> {
  const client = new pg.Client({ connectionString: config.databaseUrl, application_name: 'slipway start' });
  client.on('error', () => undefined); // the running query fails with its own error
  await client.connect();
  try {
    const oldest = await oldestDataKey(client);
    if (oldest === null || new Seal(config.masterKey).opensDataKey(oldest.sealed, oldest.tenantId)) return;
  } finally {
    await client.end();
  }
  throw new StartError(
    `The master key from ${source} does not match this database, whose credentials are sealed with another: start with the key used before.`,
  );
}
