import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../simulator/simulator.ts';
import type { Simulator, SimulatorOptions } from '../../simulator/simulator.ts';
import { isMigrated, migrate } from '../../src/platform/db/migrate.ts';
import { StartError } from '../../src/platform/start-error.ts';
import { startWorker } from '../../src/worker.ts';
import { expectStatus, OPERATOR_KEY, startTestApi, testConfig } from '../support/api.ts';
import type { Client, TestApi } from '../support/api.ts';
import { emptyDatabase, onConnection } from '../support/database.ts';
import type { FreshDatabase } from '../support/database.ts';
import { buildProgram, runProgram } from '../support/program.ts';
import { startRecorder } from '../support/recorder.ts';
import type { Recorder } from '../support/recorder.ts';
import { BETTER, GOOD } from '../support/world.ts';
import { answersOf } from './answers.ts';
import type { Answers } from './answers.ts';
import { dump, read, restore, withoutTenant } from './dump.ts';
import type { Dump, Row } from './dump.ts';

const KEPT = read<Dump>('database');
/** Without the tenant whose rollouts were in flight. */
const SETTLED = withoutTenant(KEPT, 'busy');
const BEFORE = read<Answers>('answers');
/** The master key of the world that the data was made in. */
const masterKey = Buffer.alloc(32, 7);
const IN_FLIGHT = ['QUEUED', 'RUNNING', 'PAUSED', 'ROLLING_BACK'];

const rowsOf = (data: Dump, table: string): Row[] => data.tables[table] ?? [];
const shop = rowsOf(SETTLED, 'tenants')[0] as { id: string };
const idOf = (workload: string): string => (BEFORE['/v1/workloads'] as unknown as Named[]).find(({ name }) => name === workload)?.id ?? '';
const rolloutsBefore = rowsOf(SETTLED, 'rollouts').map(({ id }) => String(id));

interface Named {
  id: string;
  name: string;
}

interface Reasoned {
  phaseReason: string | null;
  phaseDetail: { code: string; message: string; since: string; data: object } | null;
}

interface Rollout extends Reasoned {
  id: string;
  kind: string;
  phase: string;
  release: { number: number } | null;
  targets: (Reasoned & { phase: string })[];
}

const databaseWith = async (data: Dump): Promise<FreshDatabase> => {
  const database = await emptyDatabase();
  await restore(database, data);
  return database;
};

describe('a database of 0.1.0 in which nothing is in flight', () => {
  let api: TestApi;
  let tenant: Client;

  beforeAll(async () => {
    const database = await databaseWith(SETTLED);
    await migrate(database.ownerUrl, database.appUrl);
    api = await startTestApi({ masterKey }, database);
    tenant = api.operator.with({ 'slipway-tenant': shop.id });
  });
  afterAll(() => api.close());

  test('has every kind of rollout and every end', () => {
    const rollouts = rowsOf(SETTLED, 'rollouts');
    const all = (column: string): unknown[] => [...new Set(rollouts.map((row) => row[column]))].sort();
    expect(all('kind')).toEqual(['DELETE', 'DEPLOY', 'RESTART', 'ROLLBACK', 'SCALE']);
    expect(all('phase')).toEqual(['CANCELED', 'FAILED', 'ROLLED_BACK', 'SUCCEEDED', 'SUPERSEDED']);
    expect([...new Set(rowsOf(SETTLED, 'targets').map(({ phase }) => phase))].sort()).toEqual([
      'FAILED',
      'ROLLED_BACK',
      'SKIPPED',
      'SUCCEEDED',
    ]);
    expect(rollouts.length).toBe((BEFORE['/v1/rollouts'] as unknown[]).length);
  });

  test('was made by migrations that are still the same to the byte', async () => {
    expect((await dump(api.database)).migrations).toEqual(expect.arrayContaining(KEPT.migrations));
  });

  test('reads as it did before, but for fields that are new', async () => {
    const after = await answersOf(tenant);
    expect(Object.keys(after)).toEqual(Object.keys(BEFORE));
    for (const [path, answer] of Object.entries(BEFORE)) expect(after[path], path).toMatchObject(answer);
  });

  test('has the events of each rollout where they were', async () => {
    for (const id of rolloutsBefore) {
      const page = await tenant.rest<{ items: object[] }>('GET', `/v1/rollouts/${id}/events?after=0&limit=200`);
      const before = (BEFORE['/v1/events'] as unknown as { rollout: string }[]).filter(({ rollout }) => rollout === id);
      expect(page.body.items).toMatchObject(before);
    }
  });

  test('says its old reasons under the code for reasons without one', async () => {
    const answers = rolloutsBefore.map(async (id) => expectStatus(await tenant.rest<Rollout>('GET', `/v1/rollouts/${id}`), 200));
    const reasoned: Reasoned[] = (await Promise.all(answers)).flatMap((rollout) => [rollout, ...rollout.targets]);
    expect(reasoned.filter(({ phaseDetail }) => phaseDetail !== null).length).toBeGreaterThan(rolloutsBefore.length);
    for (const { phaseReason, phaseDetail } of reasoned) {
      if (phaseReason === null) expect(phaseDetail).toBeNull();
      else
        expect(phaseDetail).toMatchObject({
          code: 'LEGACY',
          message: phaseReason,
          since: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/),
        });
    }
  });
});

describe('workloads of 0.1.0 on the clusters that it left', () => {
  let api: TestApi;
  let tenant: Client;
  let simulator: Simulator;
  let recorders: Recorder[];
  let worker: { close(): Promise<void> };

  const running = (workload: string): string[] => recorders.map((recorder) => recorder.running(workload));
  const does = async (workload: string, action: string, body: object = {}): Promise<Rollout> =>
    expectStatus(await tenant.rest<Rollout>('POST', `/v1/workloads/${idOf(workload)}/${action}`, body, { prefer: 'wait=60' }), 200);

  beforeAll(async () => {
    const database = await databaseWith(SETTLED);
    await migrate(database.ownerUrl, database.appUrl);
    const contents = read<NonNullable<SimulatorOptions['contents']>>('clusters');
    simulator = await startSimulator({ clusters: 2, seed: 7, podStartMilliseconds: [60, 150], podStopMilliseconds: [20, 60], contents });
    recorders = await Promise.all(simulator.clusters.map((cluster) => startRecorder(cluster.name, cluster)));
    for (const recorder of recorders) await recorder.until(() => recorder.readyPods('mixed') === 3, 'the old pods are Ready');
    api = await startTestApi({ masterKey }, database);
    tenant = api.operator.with({ 'slipway-tenant': shop.id });
    for (const { name, kubeconfig } of simulator.clusters)
      expectStatus(await tenant.rest('PUT', `/v1/clusters/${name}/credentials`, { kubeconfig }), 200);
    worker = await startWorker(testConfig(database, { masterKey, operatorKey: null }));
  });
  afterAll(async () => {
    await Promise.all(recorders.map((recorder) => recorder.stop()));
    await worker.close();
    await api.close();
    await simulator.stop();
  });

  test('restart, in the release that they run', async () => {
    const before = running('mixed');
    expect(await does('mixed', 'restart')).toMatchObject({ kind: 'RESTART', phase: 'SUCCEEDED' });
    expect(running('mixed')).toEqual(before);
  });

  test('take a new release, and go back to an old one', async () => {
    const rolled = await does('web', 'rollouts', { revision: 1, values: { image: 'registry.example/shop/web:5.0' } });
    expect(rolled).toMatchObject({ kind: 'DEPLOY', phase: 'SUCCEEDED', previousRelease: { number: 6 }, release: { number: 7 } });
    expect(running('web')).toEqual(['registry.example/shop/web:5.0 x2', 'registry.example/shop/web:5.0 x3']);

    const back = await does('web', 'rollback', { toRelease: 1 });
    expect(back).toMatchObject({ kind: 'ROLLBACK', phase: 'SUCCEEDED', release: { number: 1 } });
    expect(running('web')).toEqual([`${GOOD} x2`, `${GOOD} x3`]);
    expect(await does('web', 'rollback', { toRelease: 2 })).toMatchObject({ phase: 'SUCCEEDED', release: { number: 2 } });
    expect(running('web')).toEqual([`${BETTER} x2`, `${BETTER} x4`]);
  });

  test('are taken back if the new release fails', async () => {
    const before = running('mixed');
    const failed = await does('mixed', 'rollouts', { values: { image: 'registry.example/shop/web:missing' } });
    expect(failed).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'ErrImagePull' } });
    expect(running('mixed')).toEqual(before);
  });

  test('retry a rollout that had been canceled, and scale', async () => {
    const canceled = (BEFORE['/v1/rollouts'] as unknown as Rollout[]).find(({ phase }) => phase === 'CANCELED')?.id ?? '';
    const retried = await tenant.rest<Rollout>('POST', `/v1/rollouts/${canceled}/retry`, {}, { prefer: 'wait=60' });
    expect(expectStatus(retried, 200)).toMatchObject({ phase: 'SUCCEEDED', retryOf: canceled });
    expect(await does('never', 'scale', { replicas: 1 })).toMatchObject({ kind: 'SCALE', phase: 'SUCCEEDED' });
    expect(running('never')).toEqual([`${GOOD} x1`, `${GOOD} x1`]);
  });

  test('keep the rollouts of before as they were', async () => {
    const settled = rolloutsBefore.map(async (id) => {
      const { body } = await tenant.rest('GET', `/v1/rollouts/${id}`);
      const { workload: _named, ...before } = BEFORE[`/v1/rollouts/${id}`] as Row;
      expect(body).toMatchObject(before);
    });
    await Promise.all(settled);
  });
});

describe('a database of 0.1.0 with rollouts in flight', () => {
  const refusal = async (database: FreshDatabase): Promise<string> => {
    const error: unknown = await migrate(database.ownerUrl, database.appUrl).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StartError);
    return (error as StartError).message;
  };
  const databaseFor = async (data: Dump): Promise<FreshDatabase> => {
    const database = await databaseWith(data);
    onTestFinished(() => database.drop());
    return database;
  };
  const nameOf = (id: unknown): string => String(rowsOf(KEPT, 'workloads').find((row) => row['id'] === id)?.['name']);

  test('is not upgraded: each is named, with what to do, and nothing is changed', async () => {
    const database = await databaseFor(KEPT);
    const before = await dump(database);
    const lines = rowsOf(KEPT, 'rollouts')
      .filter(({ phase }) => IN_FLIGHT.includes(String(phase)))
      .map((row) => `  workload ${nameOf(row['workload_id'])} of tenant busy: rollout ${String(row['id'])}, ${String(row['phase'])}`)
      .sort();
    expect(lines).toHaveLength(3);
    expect((await refusal(database)).split('\n')).toEqual([
      'The database cannot be upgraded while rollouts are in flight: 3',
      ...lines,
      'Finish or abort them with the version before, stop that version, then upgrade. Nothing was changed.',
    ]);
    expect(await dump(database)).toEqual(before);
    expect(await isMigrated(database.ownerUrl)).toBe(false);
  });

  test('is not upgraded either if many are, of which ten are named', async () => {
    const database = await databaseFor(SETTLED);
    await onConnection(database.ownerUrl, async (client) => {
      const scales = `INSERT INTO rollouts SELECT (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(), 'phase', 'ROLLING_BACK'))).*
        FROM rollouts r, generate_series(1, 12) WHERE kind = 'SCALE'`;
      expect((await client.query(scales)).rowCount).toBe(12);
    });
    const [first, ...others] = (await refusal(database)).split('\n');
    expect(first).toBe('The database cannot be upgraded while rollouts are in flight: 12');
    expect(others.slice(0, 10).every((line) => /^ {2}workload web of tenant shop: rollout [0-9a-f-]{36}, ROLLING_BACK$/.test(line))).toBe(
      true,
    );
    expect(others[10]).toBe('  and 2 more');
    expect(others).toHaveLength(12);
  });

  test('ends every program with 1 and these lines alone, and leaves no entry for each attempt', async () => {
    const database = await databaseFor(KEPT);
    const before = await dump(database);
    const err = `${await refusal(database)}\n`;
    const environment = {
      DATABASE_URL: database.appUrl,
      DATABASE_OWNER_URL: database.ownerUrl,
      SLIPWAY_MASTER_KEY: masterKey.toString('base64'),
      SLIPWAY_OPERATOR_KEY: OPERATOR_KEY,
      PORT: '0',
    };
    await buildProgram();
    for (const program of ['main', 'worker', 'standalone'] as const) {
      expect(await runProgram(program, environment)).toEqual({ code: 1, out: '', err });
    }
    const entries = 'SELECT count(*)::int AS entries FROM _prisma_migrations';
    const { rows } = await onConnection(database.ownerUrl, (client) => client.query<{ entries: number }>(entries));
    expect(rows).toEqual([{ entries: KEPT.migrations.length }]);
    expect(await dump(database)).toEqual(before);
  });

  test('is upgraded once they have ended', async () => {
    const database = await databaseFor(KEPT);
    await refusal(database);
    await onConnection(database.ownerUrl, (client) =>
      client.query(`UPDATE rollouts SET phase = 'CANCELED', pause_reason = NULL WHERE phase = ANY ($1::"RolloutPhase"[])`, [IN_FLIGHT]),
    );
    expect((await migrate(database.ownerUrl, database.appUrl)).applied).toContain('20261129060000_no_rollouts_in_flight');
    expect(await isMigrated(database.ownerUrl)).toBe(true);
  });
});
