import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { meaningOf, registerConstraints, registeredConstraints } from '../../../src/platform/db/constraints.ts';
import { nameTaken, Problem, registerCodes } from '../../../src/platform/problem.ts';
import { freshDatabase, onConnection } from '../../support/database.ts';
import type { FreshDatabase } from '../../support/database.ts';
// As it loads, every feature registers what its constraints mean.
import '../../../src/app.module.ts';

/** Unique indexes besides primary keys that no request can violate, each with the reason. */
const OURS: Record<string, string> = {
  api_keys_id_key: 'The product makes the id.',
  work_lease_token_key: 'Tokens are of a sequence.',
  revisions_tenant_id_template_id_number_key: "The number is counted with the template's row locked.",
  releases_tenant_id_workload_id_number_key: "The number is counted with the workload's row locked.",
  placements_tenant_id_workload_id_cluster_id_namespace_key:
    "A request that names a place twice is refused, and the workload's row is locked.",
  waves_tenant_id_rollout_id_position_key: 'Positions are counted.',
  targets_tenant_id_rollout_id_placement_id_key: 'A rollout has one target for each of its placements.',
};
/** Columns of primary keys that requests choose, each with the reason why they cannot violate it. All others are ids that the product makes. */
const CHOSEN: Record<string, string> = {
  idempotency_keys_pkey: 'The key is locked before it is looked up.',
  work_pkey: 'The kind is of the code, and the statement takes a row that is there for its own.',
  rendered_pkey: 'The digest is of the content, and the statement ignores a row that is there.',
};

interface Index {
  name: string;
  primary: boolean;
  columns: string[];
}

let fresh: FreshDatabase;
let indexes: Index[];
beforeAll(async () => {
  fresh = await freshDatabase();
  const { rows } = await onConnection(fresh.ownerUrl, (client) =>
    client.query<Index>(
      `SELECT c.relname AS name, i.indisprimary AS primary,
              array(SELECT attname::text FROM pg_attribute a WHERE a.attrelid = i.indexrelid ORDER BY attnum) AS columns
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND c.relname <> '_prisma_migrations_pkey'`,
    ),
  );
  indexes = rows;
});
afterAll(() => fresh.drop());

describe('the unique constraints of the migrated database', () => {
  it('each have a meaning, or cannot be violated by a request', () => {
    const names = indexes.filter(({ primary }) => !primary).map(({ name }) => name);
    expect(names.sort()).toEqual([...registeredConstraints(), ...Object.keys(OURS)].sort());
  });

  it('are primary keys only over ids that the product makes', () => {
    const made = (column: string): boolean => /^(.+_)?id$|^(position|seq|number|ordinal)$/.test(column);
    const chosen = indexes.filter(({ primary, columns }) => primary && !columns.every(made)).map(({ name }) => name);
    expect(chosen.sort()).toEqual(Object.keys(CHOSEN).sort());
  });

  it('mean a problem that clients know', () => {
    for (const name of registeredConstraints()) expect(meaningOf(name)?.getStatus(), name).toBe(409);
    expect(meaningOf('clusters_name_alive')).toMatchObject({ code: 'NAME_TAKEN', message: 'A cluster with this name exists.' });
    expect(meaningOf('rollouts_one_active')).toMatchObject({ code: 'ROLLOUT_ACTIVE' });
  });
});

describe('registering', () => {
  it('a second meaning of a constraint is refused, and the first stays', () => {
    const again = (): void => registerConstraints({ clusters_name_alive: () => nameTaken('Something else.') });
    expect(again).toThrow('the constraint clusters_name_alive has two meanings');
    expect(meaningOf('clusters_name_alive')?.message).toBe('A cluster with this name exists.');
  });

  it('a code twice is refused', () => {
    expect(() => registerCodes({ ROLLOUT_ACTIVE: { status: 409, title: 'Again', after: 'IN_USE' } })).toThrow(
      'the code ROLLOUT_ACTIVE is registered twice',
    );
    expect(new Problem('ROLLOUT_ACTIVE', 'x').getStatus()).toBe(409);
  });
});
