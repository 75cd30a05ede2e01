import type { EventEmitter } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../../src/platform/db/database.ts';
import { expectStatus, startTestApi } from '../../support/api.ts';
import type { TestApi } from '../../support/api.ts';
import { document, DOORS, onConnection, openShop } from '../../support/shop.ts';
import type { Action, EventView, Page, Refusal, RolloutView, Shop, WorkloadView } from '../../support/shop.ts';

let api: TestApi;
let shop: Shop;
let count = 0;
/** A workload for cases that store nothing, or that do not care what was before. */
let any: WorkloadView;

beforeAll(async () => {
  api = await startTestApi();
  shop = await openShop(api, 'acme', 2);
  any = await fresh({ placements: [{ cluster: 'acme-1', namespace: 'default' }] });
  await shop.post(`/v1/workloads/${any.name}/rollouts`);
});
afterAll(() => api.close());

const fresh = (change: object = {}): Promise<WorkloadView> => shop.workload(`w${(count += 1)}`, change);
const rolloutOf = (id: string): Promise<RolloutView> => shop.get(`/v1/rollouts/${id}`);
const rolloutsOf = async (workload: string, query = ''): Promise<RolloutView[]> =>
  (await shop.get<Page<RolloutView>>(`/v1/rollouts?workload=${workload}${query}`)).items;
const eventsOf = async (id: string): Promise<EventView[]> => (await shop.get<Page<EventView>>(`/v1/rollouts/${id}/events?after=0`)).items;

/** Given: the engine has brought the rollout here. */
const given = (id: string, phase: string, pauseReason: string | null = null): Promise<void> =>
  onConnection(api.database.ownerUrl, async (client) => {
    const settled = !['QUEUED', 'RUNNING', 'PAUSED', 'ROLLING_BACK'].includes(phase);
    const sql = `UPDATE rollouts SET phase = $2::"RolloutPhase", pause_reason = $3::"PauseReason", settled_at = CASE WHEN $4 THEN now() END WHERE id = $1`;
    await client.query(sql, [id, phase, pauseReason, settled]);
  });

/** Given: what the rollout wanted is live everywhere, as the engine leaves it. */
const succeeded = (id: string): Promise<void> =>
  onConnection(api.database.ownerUrl, async (client) => {
    await client.query(`UPDATE placements p SET applied = t."to" FROM targets t WHERE t.rollout_id = $1 AND t.placement_id = p.id`, [id]);
    await client.query(`UPDATE targets SET phase = 'SUCCEEDED', written = true, uid = 'u' WHERE rollout_id = $1`, [id]);
    await client.query(`UPDATE releases SET good_at = now() WHERE id = (SELECT release_id FROM rollouts WHERE id = $1)`, [id]);
    await client.query(
      `UPDATE workloads SET current_release_id = r.release_id FROM rollouts r WHERE r.id = $1 AND workloads.id = r.workload_id`,
      [id],
    );
    await client.query(`UPDATE rollouts SET phase = 'SUCCEEDED', settled_at = now() WHERE id = $1`, [id]);
  });

describe.each(DOORS)('a rollout asked for by %s', (_, door) => {
  const deploy = (workload: string, input?: object) => door(shop.tenant, 'createRollout', workload, input);

  it('is accepted with the newest revision, everywhere, in one wave', async () => {
    const { id, name } = await fresh();
    const rollout = await deploy(name);
    expect(rollout).toMatchObject({
      kind: 'DEPLOY',
      workload: { id, name },
      release: { number: 1 },
      previousRelease: null,
      strategy: { type: 'ROLLING', maxSurge: '25%', maxUnavailable: '0' },
      values: {},
      reason: null,
      retryOf: null,
      takeOver: false,
      onFailure: 'ROLLBACK_ALL',
      onUnreachable: 'WAIT',
      phase: 'QUEUED',
      progress: 0,
      waves: [{ name: 'all', maxConcurrent: null, maxFailed: 0 }],
      startedAt: null,
      settledAt: null,
    });
    expect(rollout.targets.map(({ cluster, namespace, phase }) => [cluster.name, namespace, phase])).toEqual([
      ['acme-1', 'default', 'PENDING'],
      ['acme-2', 'default', 'PENDING'],
    ]);
    expect(rollout.waves[0]!.targets.sort()).toEqual(rollout.targets.map((target) => target.id).sort());
    expect((await rolloutOf(rollout.id)).targetCounts).toMatchObject({ PENDING: 2, FAILED: 0, SUCCEEDED: 0 });
  });

  it('takes everything that it may say, and who says it', async () => {
    const { name } = await fresh();
    const client = shop.tenant.with({ 'slipway-actor': 'ann@example.com' });
    const input = {
      revision: 1,
      values: { greeting: 'hi' },
      strategy: {
        type: 'CANARY',
        maxSurge: 2,
        maxUnavailable: '10%',
        steps: [{ weight: 20 }, { pauseSeconds: 5 }, { weight: 50 }, { pause: true }],
        progressDeadlineSeconds: 90,
        failureGraceSeconds: 0,
      },
      waves: [{ name: 'first', maxConcurrent: 1, maxFailed: 1 }],
      onFailure: 'PAUSE',
      onUnreachable: 'SKIP',
      concurrency: 'REJECT',
      reason: 'because',
    };
    const rollout = await door(client, 'createRollout', name, input);
    expect(rollout).toMatchObject({
      strategy: { type: 'CANARY', maxSurge: '2', maxUnavailable: '10%', progressDeadlineSeconds: 90, failureGraceSeconds: 0 },
      values: { greeting: 'hi' },
      waves: [{ name: 'first', maxConcurrent: 1, maxFailed: 1 }],
      onFailure: 'PAUSE',
      onUnreachable: 'SKIP',
      reason: 'because',
      createdBy: { actor: 'ann@example.com' },
    });
    expect((await rolloutOf(rollout.id)).strategy.steps).toEqual([{ weight: 20 }, { pauseSeconds: 5 }, { weight: 50 }, { pause: true }]);
    const [created] = await eventsOf(rollout.id);
    expect(created).toMatchObject({ type: 'rollout.created', rollout: rollout.id, data: { kind: 'DEPLOY', release: 1, targets: 2 } });
    expect(created!.message).toBe(`Release 1 of ${name} is to be rolled out to 2 targets.`);
  });

  it.each([
    ['sizes', { batches: [1, 2, 2] }, [1, 2, 2]],
    ['one size', { batchSize: 4 }, [4]],
  ])('takes batches of %s, in a document and in a request, and shows them', async (__, batches, shown) => {
    const { name } = await fresh();
    const asked = await door(shop.tenant, 'createRollout', name, { strategy: { type: 'BATCHES', ...batches } });
    expect(asked).toMatchObject({ strategy: { type: 'BATCHES', batches: shown } });
    count += 1;
    await shop.template(`batched${count}`, { strategy: { type: 'BATCHES', ...batches } });
    const workload = { name: `b${count}`, template: `batched${count}`, placements: [{ cluster: 'acme-1', namespace: 'x' }] };
    await shop.post('/v1/workloads', workload, 201);
    const own = await door(shop.tenant, 'createRollout', workload.name, {});
    expect(own).toMatchObject({ strategy: { type: 'BATCHES', batches: shown } });
    const { targets } = await rolloutOf(own.id);
    expect(targets.map(({ step }) => step)).toMatchObject([{ index: 0, of: shown.length }]);
  });

  it('finds 404 before 409, and 409 before what is wrong with the meaning', async () => {
    const { name } = await fresh();
    const wrong = { revision: 99 };
    expect(await deploy('nowhere', wrong)).toMatchObject({ code: 'NOT_FOUND' });
    expect(await deploy(name, wrong)).toMatchObject({ code: 'INVALID', errors: [{ pointer: '/revision' }] });
    await deploy(name);
    expect(await deploy(name, wrong)).toMatchObject({ code: 'ROLLOUT_ACTIVE' });
    expect(await door(shop.tenant, 'restart', name)).toMatchObject({ code: 'ROLLOUT_ACTIVE' });
    expect(await deploy(name, { ...wrong, concurrency: 'SUPERSEDE' })).toMatchObject({ code: 'INVALID' });
    expect((await rolloutsOf(name)).map(({ phase }) => phase)).toEqual(['QUEUED']);
  });

  it.each([
    ['a parameter that the revision does not have', { values: { color: 'red' } }, '/values/color'],
    ['a value of another type', { values: { greeting: 7 } }, '/values/greeting'],
    ['a value that is null', { values: { greeting: null } }, '/values/greeting'],
    ['steps that do not rise', { strategy: { type: 'CANARY', steps: [{ weight: 50 }, { weight: 20 }] } }, '/strategy/steps/1/weight'],
    ['a canary that begins with a pause', { strategy: { type: 'CANARY', steps: [{ pause: true }, { weight: 20 }] } }, '/strategy/steps/0'],
    ['a canary without steps', { strategy: { type: 'CANARY' } }, '/strategy/steps'],
    ['steps of a rolling update', { strategy: { type: 'ROLLING', steps: [{ weight: 50 }] } }, '/strategy/steps'],
    ['batches without sizes', { strategy: { type: 'BATCHES' } }, '/strategy/batches'],
    ['batches of a canary', { strategy: { type: 'CANARY', steps: [{ weight: 50 }], batches: [1] } }, '/strategy/batches'],
    ['a batch size of a rolling update', { strategy: { type: 'ROLLING', batchSize: 1 } }, '/strategy/batchSize'],
    ['batches and a batch size', { strategy: { type: 'BATCHES', batches: [1, 2], batchSize: 3 } }, '/strategy/batchSize'],
    ['steps of batches', { strategy: { type: 'BATCHES', batchSize: 1, steps: [{ weight: 50 }] } }, '/strategy/steps'],
    ['a batch of no pods', { strategy: { type: 'BATCHES', batches: [1, 0] } }, '/strategy/batches/1'],
    ['a strategy that can never move', { strategy: { type: 'ROLLING', maxSurge: 0, maxUnavailable: '0%' } }, '/strategy/maxSurge'],
  ])('%s is a fault at its pointer, and nothing is stored', async (__, input, pointer) => {
    const { name } = any;
    const stored = () =>
      Promise.all([
        rolloutsOf(name),
        shop.get(`/v1/workloads/${name}/releases`),
        shop.get(`/v1/workloads/${name}`),
        shop.get('/v1/events'),
      ]);
    const before = await stored();
    expect(await deploy(name, { ...input, concurrency: 'SUPERSEDE' })).toMatchObject({ code: 'INVALID', errors: [{ pointer }] });
    expect(await stored()).toEqual(before);
  });

  it('a value that no request of this rollout holds is a fault that says whose it is', async () => {
    const own = await fresh({ values: { greeting: 7, color: 'red' } });
    const at = {
      pointer: '/values/greeting',
      detail: 'must be a string; the value is set on the workload (change it with PATCH /v1/workloads/{workload})',
    };
    const unknown = 'is not a parameter of this revision; the value is set on the workload (change it with PATCH /v1/workloads/{workload})';
    expect(await deploy(own.name)).toMatchObject({ code: 'INVALID', errors: [{ pointer: '/values/color', detail: unknown }, at] });
    expect(await deploy(own.name, { values: { greeting: 8, color: 'blue' } })).toMatchObject({
      errors: [{ detail: 'is not a parameter of this revision' }, { detail: 'must be a string' }],
    });
    const placed = await fresh({ placements: [{ cluster: 'acme-1', namespace: 'default', values: { greeting: 7 } }] });
    expect(await deploy(placed.name, { values: { greeting: 'hi' } })).toMatchObject({
      errors: [{ pointer: '/values/greeting', detail: 'must be a string; the value is set on placement acme-1/default' }],
    });
  });

  it('a required value that nobody gave is a fault, as is a workload without placements or a template without revisions', async () => {
    await shop.template(`needy${(count += 1)}`, {
      parameters: { image: { type: 'string', required: true }, greeting: { type: 'string' } },
    });
    const needy = await shop.post<WorkloadView>(
      '/v1/workloads',
      { name: `n${count}`, template: `needy${count}`, placements: [{ cluster: 'acme-1', namespace: 'x' }] },
      201,
    );
    expect(await deploy(needy.id)).toMatchObject({ code: 'INVALID', errors: [{ pointer: '/values/image' }] });
    expect(await deploy(needy.id, { values: { image: 'i' } })).toMatchObject({ phase: 'QUEUED' });
    const { name } = await fresh({ placements: [] });
    expect(await deploy(name)).toMatchObject({ code: 'INVALID' });
    expectStatus(await shop.tenant.rest('POST', '/v1/templates', { name: `empty${count}` }), 201);
    const empty = await shop.post<WorkloadView>('/v1/workloads', { name: `e${count}`, template: `empty${count}` }, 201);
    expect(await deploy(empty.id)).toMatchObject({ code: 'INVALID', errors: [{ pointer: '/revision' }] });
  });

  it('of a workload that never ran: nothing is restarted, scaled or gone back to', async () => {
    const { name } = await fresh();
    for (const [action, input] of [
      ['restart', {}],
      ['scale', { replicas: 3 }],
      ['rollback', {}],
    ] as const) {
      expect(await door(shop.tenant, action, name, input), action).toMatchObject({ code: 'INVALID' });
    }
    expect((await shop.get<WorkloadView>(`/v1/workloads/${name}`)).placements.map(({ replicas }) => replicas)).toEqual([null, null]);
  });

  it('superseding ends the active one with one event; the new one goes back to what ran before that', async () => {
    const { name } = await fresh();
    const first = await deploy(name);
    await succeeded(first.id);
    const second = await deploy(name, { values: { greeting: 'two' } });
    await onConnection(api.database.ownerUrl, (client) =>
      client.query(`UPDATE targets SET phase = 'PROGRESSING', written = true, uid = 'u' WHERE rollout_id = $1`, [second.id]),
    );
    const third = await deploy(name, { values: { greeting: 'three' }, concurrency: 'SUPERSEDE' });
    const ended = await rolloutOf(second.id);
    expect(ended).toMatchObject({ phase: 'SUPERSEDED', phaseReason: 'Superseded: another rollout was asked for.' });
    expect(ended.settledAt).not.toBeNull();
    expect(ended.targetCounts).toMatchObject({ SKIPPED: 2 });
    expect((await eventsOf(second.id)).map(({ type }) => type)).toEqual(['rollout.created', 'rollout.superseded']);
    expect(third).toMatchObject({ phase: 'QUEUED', previousRelease: { number: 1 }, release: { number: 3 } });
    const beside = async ({ id }: { id: string }): Promise<unknown[]> => {
      const text = `SELECT "from" ->> 'release' AS before, superseded ->> 'release' AS beside, written FROM targets WHERE rollout_id = $1`;
      return (await onConnection(api.database.ownerUrl, (client) => client.query(text, [id]))).rows;
    };
    expect(await beside(first)).toEqual(Array(2).fill({ before: null, beside: null, written: true }));
    expect(await beside(third)).toEqual(Array(2).fill({ before: '1', beside: '2', written: true }));
    const fourth = await deploy(name, { values: { greeting: 'four' }, concurrency: 'SUPERSEDE' });
    expect(await beside(fourth), 'the third had written nothing of its own').toEqual(await beside(third));
  });

  it('going back is never refused; by default it goes to the good release before the current one', async () => {
    const { name } = await fresh();
    for (const greeting of ['one', 'two', 'three']) {
      const { id } = await deploy(name, { values: { greeting } });
      await (greeting === 'three' ? given(id, 'ROLLED_BACK') : succeeded(id));
    }
    expect(await door(shop.tenant, 'rollback', name, { toRelease: 3 })).toMatchObject({
      code: 'INVALID',
      errors: [{ pointer: '/toRelease' }],
    });
    expect(await door(shop.tenant, 'rollback', name, { toRelease: 9 })).toMatchObject({
      code: 'INVALID',
      errors: [{ pointer: '/toRelease' }],
    });
    const settled = await door(shop.tenant, 'rollback', name);
    expect(settled).toMatchObject({
      kind: 'ROLLBACK',
      release: { number: 1 },
      previousRelease: { number: 2 },
      strategy: { type: 'ROLLING' },
    });
    await given(settled.id, 'ROLLED_BACK');
    const fourth = await deploy(name, { values: { greeting: 'four' } });
    const back = await door(shop.tenant, 'rollback', name, { reason: 'no' });
    expect(back).toMatchObject({ kind: 'ROLLBACK', release: { number: 2 }, reason: 'no' });
    expect((await rolloutOf(fourth.id)).phase).toBe('SUPERSEDED');
    expect((await shop.get<Page<object>>(`/v1/workloads/${name}/releases`)).items).toHaveLength(4);
    expect(await door(shop.tenant, 'rollback', name, { toRelease: 1 })).toMatchObject({ release: { number: 1 } });
  });

  it('going back from a release that has FAILED goes to the good one before it, whatever of it is left where', async () => {
    const { name } = await fresh();
    for (const greeting of ['one', 'two', 'three']) {
      const { id } = await deploy(name, { values: { greeting } });
      await (greeting === 'three' ? given(id, 'FAILED') : succeeded(id));
    }
    expect(await door(shop.tenant, 'rollback', name)).toMatchObject({ release: { number: 2 } });
  });

  it('scaling runs beside what is active, here or on one cluster', async () => {
    const { name } = await fresh();
    await succeeded((await deploy(name)).id);
    const active = await deploy(name, { values: { greeting: 'two' } });
    expect(await door(shop.tenant, 'scale', name, { replicas: 5, cluster: 'nowhere' })).toMatchObject({
      code: 'INVALID',
      errors: [{ pointer: '/cluster' }],
    });
    const one = await door(shop.tenant, 'scale', name, { replicas: 5, cluster: shop.clusters[1]!.id });
    expect(one).toMatchObject({ kind: 'SCALE', release: null, phase: 'QUEUED' });
    expect(one.targets.map(({ cluster }) => cluster.name)).toEqual(['acme-2']);
    const all = await door(shop.tenant, 'scale', name, { replicas: 0 });
    expect(all.targets).toHaveLength(2);
    expect((await shop.get<WorkloadView>(`/v1/workloads/${name}`)).placements.map(({ replicas }) => replicas)).toEqual([0, 0]);
    expect((await rolloutOf(active.id)).phase).toBe('QUEUED');
  });

  it('scaling beside a first rollout leaves the number to it', async () => {
    const { name } = await fresh();
    const first = await deploy(name);
    const due = () =>
      onConnection(api.database.ownerUrl, async (client) => {
        const text = `
          SELECT EXISTS (SELECT 1 FROM work w WHERE w.kind = 'placements' AND w.id = t.placement_id) AS due FROM targets t WHERE t.rollout_id = $1`;
        return (await client.query<{ due: boolean }>(text, [first.id])).rows.map((row) => row.due);
      });
    expect(await due()).toEqual([false, false]);
    expect(await door(shop.tenant, 'scale', name, { replicas: 4 })).toMatchObject({ kind: 'SCALE', targets: [] });
    // Whoever steers it reads the number again.
    expect(await due()).toEqual([true, true]);
    await onConnection(api.database.ownerUrl, (client) =>
      client.query(`UPDATE targets SET uid = 'u', written = true WHERE rollout_id = $1`, [first.id]),
    );
    expect((await door(shop.tenant, 'scale', name, { replicas: 6 })).targets).toHaveLength(2);
  });

  it('a placement that is taken away is removed by the next rollout, and then no more', async () => {
    const { id, name } = await fresh();
    await succeeded((await deploy(name)).id);
    await door(shop.tenant, 'updateWorkload', id, { placements: [{ cluster: 'acme-1', namespace: 'default' }] });
    expect((await shop.get<WorkloadView>(`/v1/workloads/${name}`)).placements).toHaveLength(2);
    const removing = await deploy(name);
    expect(removing.targets.map(({ cluster }) => cluster.name).sort()).toEqual(['acme-1', 'acme-2']);
    await succeeded(removing.id);
    expect((await shop.get<WorkloadView>(`/v1/workloads/${name}`)).placements.map(({ cluster }) => cluster.name)).toEqual(['acme-1']);
    expect((await deploy(name)).targets.map(({ cluster }) => cluster.name)).toEqual(['acme-1']);
  });

  it('a placement that is taken away while its first rollout is under way is taken away by the next, and comes back when it is asked for', async () => {
    const { id, name } = await fresh();
    const first = await deploy(name);
    await onConnection(api.database.ownerUrl, (client) =>
      client.query(`UPDATE targets SET phase = 'FAILED', written = true WHERE rollout_id = $1`, [first.id]),
    );
    await given(first.id, 'FAILED');
    await door(shop.tenant, 'updateWorkload', id, { placements: [{ cluster: 'acme-1', namespace: 'default' }] });
    const second = await deploy(name);
    expect(second.targets).toHaveLength(2);
    await given(second.id, 'CANCELED');
    await door(shop.tenant, 'updateWorkload', id, { placements: [{ cluster: 'acme-2', namespace: 'default', replicas: 2 }] });
    const workload = await shop.get<WorkloadView>(`/v1/workloads/${name}`);
    expect(workload.placements.map(({ cluster, replicas }) => [cluster.name, replicas])).toEqual([['acme-2', 2]]);
  });

  it('removal supersedes what is active, scales too; asked for twice it is one rollout', async () => {
    const { name, version } = await fresh();
    await succeeded((await deploy(name)).id);
    const active = await deploy(name);
    const scale = await door(shop.tenant, 'scale', name, { replicas: 3 });
    expect(await door(shop.tenant, 'deleteWorkload', name, undefined, version + 5)).toMatchObject({ code: 'STALE' });
    // The scale has changed what a client may write.
    expect(await door(shop.tenant, 'deleteWorkload', name, undefined, version)).toMatchObject({ code: 'STALE' });
    const removal = await door(shop.tenant, 'deleteWorkload', name, undefined, version + 1);
    expect(removal).toMatchObject({ kind: 'DELETE', release: null, phase: 'QUEUED' });
    expect(removal.targets).toHaveLength(2);
    expect((await door(shop.tenant, 'deleteWorkload', name)).id).toBe(removal.id);
    expect([(await rolloutOf(active.id)).phase, (await rolloutOf(scale.id)).phase]).toEqual(['SUPERSEDED', 'SUPERSEDED']);
  });

  it('removal that leaves what runs is refused while something is half-way, and tried again leaves it too', async () => {
    const { name } = await fresh();
    await succeeded((await deploy(name)).id);
    const active = await deploy(name, { values: { greeting: 'two' } });
    await onConnection(api.database.ownerUrl, (client) =>
      client.query(`UPDATE targets SET phase = 'HELD', written = true WHERE rollout_id = $1`, [active.id]),
    );
    const orphan = () => shop.tenant.rest<RolloutView>('DELETE', `/v1/workloads/${name}?objects=ORPHAN`);
    expect(await orphan()).toMatchObject({ status: 409, body: { code: 'ROLLOUT_ACTIVE' } });
    expect((await rolloutOf(active.id)).phase).toBe('QUEUED');
    await given(active.id, 'ROLLED_BACK');
    const { id, targets } = expectStatus(await orphan(), 202);
    expect(targets).toEqual([]);
    await given(id, 'CANCELED');
    expect(await door(shop.tenant, 'retry', id)).toMatchObject({ kind: 'DELETE', retryOf: id, targets: [] });
  });

  it('restarting what is not wanted any more takes away what a superseded rollout has begun there', async () => {
    const { id, name } = await fresh();
    await succeeded((await deploy(name)).id);
    const active = await deploy(name, { values: { greeting: 'two' } });
    await onConnection(api.database.ownerUrl, (client) =>
      client.query(`UPDATE targets SET phase = 'HELD', written = true WHERE rollout_id = $1`, [active.id]),
    );
    await door(shop.tenant, 'updateWorkload', id, { placements: [{ cluster: 'acme-1', namespace: 'default' }] });
    const restart = await door(shop.tenant, 'restart', name, { concurrency: 'SUPERSEDE' });
    expect(restart.targets.map(({ cluster }) => cluster.name).sort()).toEqual(['acme-1', 'acme-2']);
  });

  it('removal of a workload that never ran has nothing to do anywhere', async () => {
    const { name } = await fresh();
    expect(await door(shop.tenant, 'deleteWorkload', name)).toMatchObject({ kind: 'DELETE', targets: [], progress: 1 });
  });
});

describe('the verbs', () => {
  const PHASES = [
    'QUEUED',
    'RUNNING',
    'PAUSED/STEP',
    'PAUSED/MANUAL',
    'PAUSED/FAILURE',
    'ROLLING_BACK',
    'SUCCEEDED',
    'ROLLED_BACK',
    'FAILED',
    'CANCELED',
    'SUPERSEDED',
  ];
  /** By verb, in the order of the phases: what it comes to. `-` 409 WRONG_PHASE, `=` 202 unchanged, `+` a new rollout, else the phase afterwards. */
  const TABLE: [verb: string, input: object | undefined, outcomes: string][] = [
    ['pause', undefined, '- PAUSED/MANUAL PAUSED/MANUAL = - - - - - - -'],
    ['resume', undefined, '- = - RUNNING - - - - - - -'],
    ['promote', undefined, '- - RUNNING - - - - - - - -'],
    ['promote', { full: true }, '- RUNNING RUNNING - - - - - - - -'],
    ['abort', undefined, 'QUEUED RUNNING PAUSED/STEP PAUSED/MANUAL PAUSED/FAILURE ROLLING_BACK - = - = -'],
    ['retry', undefined, '- - - - RUNNING - - + + + -'],
  ];
  const cases = TABLE.flatMap(([verb, input, outcomes]) =>
    outcomes.split(' ').map((outcome, i) => [verb, PHASES[i]!, outcome, input] as const),
  );

  it.each(cases)('%s in %s: %s', async (verb, standing, outcome, input) => {
    const strategy = { type: 'CANARY', steps: [{ weight: 50 }, { pause: true }] };
    const { id } = await shop.post(`/v1/workloads/${any.name}/rollouts`, { strategy, concurrency: 'SUPERSEDE' });
    await onConnection(api.database.ownerUrl, async (client) => {
      await client.query(`UPDATE waves SET phase = 'OPEN' WHERE rollout_id = $1`, [id]);
      await client.query(`UPDATE targets SET phase = 'HELD', stage = 1 WHERE rollout_id = $1`, [id]);
    });
    await given(id, ...(standing.split('/') as [string]));
    const before = await rolloutOf(id);
    const answer = await shop.tenant.rest<RolloutView & { code: string; detail: string }>('POST', `/v1/rollouts/${id}/${verb}`, input);
    const after = await rolloutOf(id);
    if (outcome === '-') {
      expect([answer.status, answer.body.code]).toEqual([409, 'WRONG_PHASE']);
      expect(answer.body.detail).toContain(before.phase);
      expect(after).toEqual(before);
      return;
    }
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`/v1/rollouts/${answer.body.id}`);
    if (outcome === '=') expect(after).toEqual(before);
    else if (outcome === '+') expect(answer.body).toMatchObject({ retryOf: id, kind: 'DEPLOY', phase: 'QUEUED', release: before.release });
    else {
      expect([after.phase, after.pauseReason].filter(Boolean).join('/')).toBe(outcome);
      expect(after.version).toBe(before.version + 1);
      const last = (await eventsOf(id)).at(-1)!;
      expect(last.type).toMatch(/^rollout\.(paused|resumed|promoted|aborting|retried)$/);
      expect(last.data).toMatchObject({ phase: after.phase, pauseReason: after.pauseReason });
      expect(after.phaseReason).toBe(last.message);
    }
  });

  it.each(DOORS)('by %s: said twice, the second time nothing changes', async (_, door) => {
    const { name } = await fresh();
    const { id } = await shop.post(`/v1/workloads/${name}/rollouts`);
    await given(id, 'RUNNING');
    const paused = await door(shop.tenant, 'pause', id);
    expect(paused).toMatchObject({ phase: 'PAUSED', pauseReason: 'MANUAL' });
    expect(await door(shop.tenant, 'pause', id)).toMatchObject({ version: paused.version });
    expect(await door(shop.tenant, 'resume', id)).toMatchObject({ phase: 'RUNNING', pauseReason: null });
    await door(shop.tenant, 'abort', id);
    await door(shop.tenant, 'abort', id);
    expect((await eventsOf(id)).map(({ type }) => type)).toEqual([
      'rollout.created',
      'rollout.paused',
      'rollout.resumed',
      'rollout.aborting',
    ]);
    expect(await door(shop.tenant, 'pause', 'nowhere')).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('retry is a new rollout of the same kind and values, and refused while another is active', async () => {
    const { name } = await fresh();
    const first = await shop.post(`/v1/workloads/${name}/rollouts`, {
      values: { greeting: 'hi' },
      waves: [{ name: 'some', maxConcurrent: 1 }],
      onFailure: 'PAUSE',
    });
    await given(first.id, 'FAILED');
    const again = await shop.post(`/v1/rollouts/${first.id}/retry`);
    expect(again).toMatchObject({
      retryOf: first.id,
      release: { number: 1 },
      values: { greeting: 'hi' },
      onFailure: 'PAUSE',
      waves: [{ name: 'some', maxConcurrent: 1 }],
    });
    expect((await shop.post<{ code: string }>(`/v1/rollouts/${first.id}/retry`, {}, 409)).code).toBe('ROLLOUT_ACTIVE');
    await succeeded(again.id);
    for (const [path, kind, body] of [
      ['restart', 'RESTART', {}],
      ['scale', 'SCALE', { replicas: 3, cluster: 'acme-1' }],
    ] as const) {
      const { id } = await shop.post(`/v1/workloads/${name}/${path}`, body);
      await given(id, 'FAILED');
      const retried = await shop.post(`/v1/rollouts/${id}/retry`);
      expect(retried).toMatchObject({ kind, retryOf: id });
      expect(retried.targets).toHaveLength(kind === 'SCALE' ? 1 : 2);
      await given(retried.id, 'FAILED');
    }
    const removal = expectStatus(await shop.tenant.rest<RolloutView>('DELETE', `/v1/workloads/${name}`), 202);
    await given(removal.id, 'FAILED');
    expect(await shop.post(`/v1/rollouts/${removal.id}/retry`)).toMatchObject({ kind: 'DELETE', retryOf: removal.id });
    await onConnection(api.database.ownerUrl, (client) => client.query(`UPDATE workloads SET deleted_at = now() WHERE name = $1`, [name]));
    expect((await shop.post<{ code: string }>(`/v1/rollouts/${first.id}/retry`, {}, 409)).code).toBe('WRONG_PHASE');
  });
});

describe.each(DOORS)('what others have changed, by %s', (_, door) => {
  const ended = async (action: Action, name: string, input?: object): Promise<string> => {
    const { id } = await door(shop.tenant, action, name, input);
    await given(id, 'FAILED');
    return id;
  };

  it('is taken over where a deployment, a restart or a retry asks for it, and always by a rollback', async () => {
    const { name } = await fresh();
    const first = await door(shop.tenant, 'createRollout', name, { takeOver: true });
    expect(first).toMatchObject({ takeOver: true });
    await succeeded(first.id);
    const restart = await ended('restart', name, { takeOver: true });
    expect(await rolloutOf(restart)).toMatchObject({ kind: 'RESTART', takeOver: true });
    expect(await door(shop.tenant, 'rollback', name, { toRelease: 1 })).toMatchObject({ kind: 'ROLLBACK', takeOver: true });
  });

  it('is taken over by a retry, and by the retries of that one', async () => {
    const { name } = await fresh();
    const first = await ended('createRollout', name);
    expect(await rolloutOf(first)).toMatchObject({ takeOver: false });
    const plain = await door(shop.tenant, 'retry', first);
    expect(plain).toMatchObject({ takeOver: false });
    await given(plain.id, 'PAUSED', 'FAILURE');
    expect(await door(shop.tenant, 'retry', plain.id, { takeOver: true })).toMatchObject({
      id: plain.id,
      phase: 'RUNNING',
      takeOver: true,
    });
    await given(plain.id, 'FAILED');
    expect(await door(shop.tenant, 'retry', plain.id)).toMatchObject({ retryOf: plain.id, takeOver: true });
  });

  it('is not there where no template is written', async () => {
    const { name } = await fresh();
    const first = await door(shop.tenant, 'createRollout', name);
    await succeeded(first.id);
    const scaled = await ended('scale', name, { replicas: 3 });
    const refusal = {
      code: 'INVALID',
      errors: [{ pointer: '/takeOver', detail: 'a rollout of kind SCALE writes no pod template: there is nothing to take over' }],
    };
    expect(await door(shop.tenant, 'retry', scaled, { takeOver: true })).toMatchObject(refusal);
    expect(await door(shop.tenant, 'retry', scaled, { takeOver: false })).toMatchObject({ kind: 'SCALE', takeOver: false });
  });
});

it('a change of scale does not know what to take over', async () => {
  const { name } = await fresh();
  const { status, body } = await shop.tenant.rest<Refusal>('POST', `/v1/workloads/${name}/scale`, { replicas: 3, takeOver: true });
  expect(status).toBe(422);
  expect(body.errors).toEqual([{ pointer: '/takeOver', detail: expect.any(String) as string }]);
});

describe('of two requests at once', () => {
  it('one rollout becomes active', async () => {
    const { name } = await fresh();
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => shop.tenant.rest<{ code: string }>('POST', `/v1/workloads/${name}/rollouts`)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409, 409, 409]);
    expect((await shop.get<Page<object>>(`/v1/workloads/${name}/releases`)).items).toHaveLength(1);
  });

  it('with one idempotency key there is one rollout, which the replay shows as it is now', async () => {
    const { name } = await fresh();
    const send = (path = 'rollouts', body: object = {}) =>
      shop.tenant.rest<RolloutView & { code: string }>('POST', `/v1/workloads/${name}/${path}`, body, { 'idempotency-key': `key-${name}` });
    const first = await send();
    await given(first.body.id, 'RUNNING');
    const replay = await send();
    expect([replay.status, replay.headers.get('idempotency-replayed'), replay.body.id, replay.body.phase]).toEqual([
      202,
      'true',
      first.body.id,
      'RUNNING',
    ]);
    expect((await send('rollouts', { reason: 'other' })).body.code).toBe('KEY_REUSED');
    expect((await send('rollback')).body.code).toBe('KEY_REUSED');
    const query = 'mutation ($w: String!) { createRollout(workload: $w, idempotencyKey: "of-graphql") { id } }';
    const other = await fresh();
    const [one, two] = [await shop.tenant.graphql(query, { w: other.name }), await shop.tenant.graphql(query, { w: other.name })];
    expect(two.data).toEqual(one.data);
  });
});

describe('the shape of what is asked for', () => {
  it.each<[path: string, body: unknown, pointer: string]>([
    ['rollouts', { revision: 0 }, '/revision'],
    ['rollouts', { revision: '1' }, '/revision'],
    ['rollouts', { values: [] }, '/values'],
    ['rollouts', { strategy: {} }, '/strategy/type'],
    ['rollouts', { strategy: { type: 'BLUE' } }, '/strategy/type'],
    ['rollouts', { strategy: { type: 'ROLLING', maxUnavailable: '150%' } }, '/strategy/maxUnavailable'],
    ['rollouts', { strategy: { type: 'ROLLING', maxSurge: -1 } }, '/strategy/maxSurge'],
    ['rollouts', { strategy: { type: 'CANARY', steps: [] } }, '/strategy/steps'],
    ['rollouts', { strategy: { type: 'CANARY', steps: [{}] } }, '/strategy/steps/0'],
    ['rollouts', { strategy: { type: 'CANARY', steps: [{ weight: 5, pause: true }] } }, '/strategy/steps/0'],
    ['rollouts', { strategy: { type: 'CANARY', steps: [{ weight: 0 }] } }, '/strategy/steps/0/weight'],
    ['rollouts', { strategy: { type: 'CANARY', steps: [{ pause: false }] } }, '/strategy/steps/0/pause'],
    ['rollouts', { strategy: { type: 'CANARY', progressDeadlineSeconds: 0 } }, '/strategy/progressDeadlineSeconds'],
    ['rollouts', { strategy: { type: 'CANARY', failureGraceSeconds: -1 } }, '/strategy/failureGraceSeconds'],
    ['rollouts', { waves: {} }, '/waves'],
    ['rollouts', { waves: [{ maxConcurrent: 0 }] }, '/waves/0/maxConcurrent'],
    ['rollouts', { waves: [{ maxFailed: -1 }] }, '/waves/0/maxFailed'],
    ['rollouts', { waves: [{ colour: 'red' }] }, '/waves/0/colour'],
    ['rollouts', { onFailure: 'PANIC' }, '/onFailure'],
    ['rollouts', { onUnreachable: null }, '/onUnreachable'],
    ['rollouts', { concurrency: 'MAYBE' }, '/concurrency'],
    ['rollouts', { reason: 'x'.repeat(1001) }, '/reason'],
    ['rollouts', { reason: 7 }, '/reason'],
    ['rollouts', { dryRun: true }, '/dryRun'],
    ['rollback', { toRelease: 0 }, '/toRelease'],
    ['rollback', { toRelease: 'one' }, '/toRelease'],
    ['rollback', { release: 1 }, '/release'],
    ['restart', { reason: [] }, '/reason'],
    ['scale', {}, '/replicas'],
    ['scale', { replicas: -1 }, '/replicas'],
    ['scale', { replicas: '3' }, '/replicas'],
    ['scale', { replicas: 10_001 }, '/replicas'],
    ['scale', { replicas: 1, cluster: '' }, '/cluster'],
    ['scale', { replicas: 1, clusters: [] }, '/clusters'],
  ])('POST %s with %j is a fault at %s', async (path, body, pointer) => {
    const answer = await shop.tenant.rest<{ code: string; errors: { pointer: string }[] }>('POST', `/v1/workloads/nowhere/${path}`, body);
    expect([answer.status, answer.body.code]).toEqual([422, 'INVALID']);
    expect(answer.body.errors.map((fault) => fault.pointer)).toContain(pointer);
  });

  it.each([
    ['/v1/rollouts?phase=DONE', 'phase'],
    ['/v1/rollouts?kind=', 'kind'],
    ['/v1/rollouts?cluster=', 'cluster'],
    ['/v1/rollouts?name=web', 'name'],
    ['/v1/workloads?template=', 'template'],
    ['/v1/events?after=first', 'after'],
    ['/v1/events?after=9999999999999999999', 'after'],
    ['/v1/events?rollout=web', 'rollout'],
    ['/v1/events?cursor=x', 'cursor'],
  ])('GET %s is a fault of %s', async (path, parameter) => {
    const answer = await shop.tenant.rest<{ errors: { parameter: string }[] }>('GET', path);
    expect([answer.status, answer.body.errors[0]?.parameter]).toEqual([422, parameter]);
  });

  it('DELETE knows two things to do with the objects', async () => {
    expect((await shop.tenant.rest('DELETE', '/v1/workloads/nowhere?objects=KEEP')).status).toBe(422);
  });

  it.each(['0', '-1', '1.5', 'one', '99999999999999999999', '1e3', '%20'])('a release or revision %s does not exist', async (number) => {
    expect((await shop.tenant.rest('GET', `/v1/workloads/${any.name}/releases/${number}`)).status).toBe(404);
    expect((await shop.tenant.rest('POST', `/v1/templates/${any.name}/revisions/${number}/render`)).status).toBe(404);
  });
});

describe('lists of rollouts', () => {
  it('are filtered by workload, phase, kind and cluster, and leave waves and targets out', async () => {
    const { id, name } = await fresh();
    await succeeded((await shop.post(`/v1/workloads/${name}/rollouts`)).id);
    const scale = await shop.post(`/v1/workloads/${name}/scale`, { replicas: 3, cluster: 'acme-2' });
    expect((await rolloutsOf(name)).map(({ kind }) => kind)).toEqual(['SCALE', 'DEPLOY']);
    expect((await rolloutsOf(id, '&phase=SUCCEEDED,FAILED')).map(({ kind }) => kind)).toEqual(['DEPLOY']);
    expect((await rolloutsOf(id, '&kind=SCALE')).map((rollout) => rollout.id)).toEqual([scale.id]);
    expect(await rolloutsOf(name, '&cluster=acme-1&kind=SCALE')).toEqual([]);
    expect(await rolloutsOf(name, `&cluster=${shop.clusters[1]!.id}`)).toHaveLength(2);
    expect(Object.keys((await rolloutsOf(name))[0]!)).not.toEqual(expect.arrayContaining(['targets']));
    const { data } = await shop.tenant.graphql<{ rollouts: object }>(
      `{ rollouts(workload: ["${name}"], kind: [SCALE], phase: [QUEUED], cluster: ["acme-2"]) { edges { node { id targets { namespace } } } } }`,
    );
    expect(data.rollouts).toEqual({ edges: [{ node: { id: scale.id, targets: [{ namespace: 'default' }] } }] });
  });

  it('targets come failed first with their rollout, and in an order that stands still as pages, in both worlds', async () => {
    const namespaces = Array.from({ length: 203 }, (_, i) => ({ cluster: 'acme-1', namespace: `n${i}` }));
    const { name } = await fresh({ placements: namespaces });
    const { id, targets } = await shop.post(`/v1/workloads/${name}/rollouts`);
    expect(targets).toHaveLength(200);
    const failed = "UPDATE targets SET phase = 'FAILED' WHERE id = (SELECT max(id::text)::uuid FROM targets WHERE rollout_id = $1)";
    await onConnection(api.database.ownerUrl, (client) => client.query(failed, [id]));
    const rollout = await rolloutOf(id);
    expect(rollout.targets).toHaveLength(200);
    expect(rollout.targets[0]!.phase).toBe('FAILED');
    expect(rollout.targetCounts).toMatchObject({ FAILED: 1, PENDING: 202 });
    expect(rollout.progress).toBeCloseTo(1 / 203, 2);
    const all = rollout.waves[0]!.targets;
    /** The rollout moves on between two pages. */
    const fail = (ids: string[]) =>
      onConnection(api.database.ownerUrl, (client) =>
        client.query("UPDATE targets SET phase = 'FAILED' WHERE id = ANY($1::uuid[])", [ids]),
      );
    const first = await shop.get<Page<{ id: string }>>(`/v1/rollouts/${id}/targets?limit=200`);
    await fail(all.slice(-60));
    const rest = await shop.get<Page<{ id: string }>>(`/v1/rollouts/${id}/targets?limit=200&cursor=${first.nextCursor}`);
    expect(rest.nextCursor).toBeNull();
    expect([...first.items, ...rest.items].map((target) => target.id)).toEqual(all);
    const foreign = await shop.tenant.rest('GET', `/v1/rollouts/${id}/targets?cursor=${Buffer.from('200').toString('base64url')}`);
    expect(foreign.status).toBe(422);
    const query =
      'query ($id: String!, $after: String) { targets(rollout: $id, first: 150, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } } }';
    type Connected = { targets: { edges: { node: { id: string } }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } };
    const one = (await shop.tenant.graphql<Connected>(query, { id })).data.targets;
    await fail(all.slice(60, 120));
    const two = (await shop.tenant.graphql<Connected>(query, { id, after: one.pageInfo.endCursor })).data.targets;
    expect([one.pageInfo.hasNextPage, two.pageInfo.hasNextPage, two.edges.length]).toEqual([true, false, 53]);
    expect([...one.edges, ...two.edges].map(({ node }) => node.id)).toEqual(all);
  });
});

describe('nested reads of GraphQL', () => {
  /** Statements on tenants' rows that a question costs. */
  async function statementsOf(query: string): Promise<number> {
    const { pool } = api.app.get<unknown>(Database) as { pool: EventEmitter };
    let count = 0;
    const listener = (): void => void (count += 1);
    pool.on('acquire', listener);
    const { errors } = await shop.tenant.graphql(query);
    pool.off('acquire', listener);
    expect(errors).toEqual([]);
    return count;
  }

  it.each<[string, number, (first: number) => string]>([
    [
      'rollouts with targets and waves',
      8,
      (first) => `{ rollouts(first: ${first}) { edges { node { targets { phase } waves { name } } } } }`,
    ],
    [
      'workloads with releases and objects',
      12,
      (first) =>
        `{ workloads(first: ${first}) { edges { node { name releases(first: 3) { edges { node { number objects { objects } } } } } } } }`,
    ],
    ['events', 1, (first) => `{ events(first: ${first}) { edges { node { message } } } }`],
  ])('of %s cost the same however many there are', async (_, most, query) => {
    const [few, many] = [await statementsOf(query(1)), await statementsOf(query(10))];
    expect(many).toBe(few);
    expect(few).toBeLessThanOrEqual(most);
  });
});

describe('releases', () => {
  it('show what they render to, and what of it is shared is stored once', async () => {
    const { name } = await fresh();
    await succeeded((await shop.post(`/v1/workloads/${name}/rollouts`, { reason: 'first' })).id);
    const { id } = await shop.post(`/v1/workloads/${name}/rollouts`, { values: { greeting: 'hi' } });
    await given(id, 'CANCELED');
    const page = await shop.get<Page<{ number: number; goodAt: string | null; reason: string | null }>>(
      `/v1/workloads/${name}/releases?limit=1`,
    );
    expect(page.items).toMatchObject([{ number: 2, goodAt: null }]);
    const one = await shop.get<{ objects: { objects: { kind: string }[] }[]; reason: string; revision: { number: number } }>(
      `/v1/workloads/${name}/releases/1`,
    );
    expect(one).toMatchObject({ reason: 'first', revision: { number: 1 } });
    expect(one.objects).toHaveLength(2);
    expect(one.objects[0]!.objects.map(({ kind }) => kind)).toContain('Deployment');
    const query = `{ workload(workload: "${name}") { releases(first: 5) { edges { node { number values objects { placement objects } } } } } release(workload: "${name}", number: 1) { number } }`;
    const { data } = await shop.tenant.graphql<{ workload: { releases: { edges: { node: { number: number; values: object } }[] } } }>(
      query,
    );
    expect(data.workload.releases.edges.map(({ node }) => [node.number, node.values])).toEqual([
      [2, { greeting: 'hi' }],
      [1, {}],
    ]);
    expect((await shop.tenant.rest('GET', `/v1/workloads/${name}/releases/3`)).status).toBe(404);
  });

  it.each([
    'line\nbreak: "quoted"',
    '${{ params.image }}',
    '{{ .Values.x }}',
    "'; rm -rf / #",
    '- a\n- b',
    'x\n hostNetwork: true',
    '\u2028${{',
    '&a [*a]',
    '~',
    'yes',
  ])('a value %j stays that string, to the last byte', async (greeting) => {
    const { name } = any;
    type Rendered = {
      objects: {
        kind: string;
        spec: { template: { spec: { hostNetwork?: boolean; containers: { env: { name: string; value: string }[] }[] } } };
      }[];
    };
    const rendered = await shop.post<Rendered>(`/v1/templates/${name}/revisions/1/render`, { values: { greeting } }, 200);
    const { spec } = rendered.objects.find(({ kind }) => kind === 'Deployment')!.spec.template;
    expect(spec.containers[0]!.env).toEqual([{ name: 'GREETING', value: greeting }]);
    expect(spec.hostNetwork).toBeUndefined();
    const query = 'query ($t: String!, $i: RenderInput) { renderRevision(template: $t, number: 1, input: $i) { objects } }';
    const { data } = await shop.tenant.graphql<{ renderRevision: Rendered }>(query, { t: name, i: { values: { greeting } } });
    expect(data.renderRevision.objects).toEqual(rendered.objects);
  });

  it('a rendering takes name and values of a workload, and refuses what does not exist or is not a namespace', async () => {
    const { name } = await fresh({ values: { greeting: 'from the workload' } });
    const render = (body: object, status: number) =>
      shop.post<{ objects: object[]; errors: object[] }>(`/v1/templates/${name}/revisions/1/render`, body, status);
    const { objects } = await render({ workload: name, namespace: 'shop' }, 200);
    expect(JSON.stringify(objects)).toContain('from the workload');
    expect(objects).toMatchObject(objects.map(() => ({ metadata: { namespace: 'shop' } })));
    expect((await render({ workload: 'nowhere' }, 422)).errors).toMatchObject([{ pointer: '/workload' }]);
    expect((await render({ namespace: 'No Namespace' }, 422)).errors).toMatchObject([{ pointer: '/namespace' }]);
    expect((await render({ values: { colour: 'red' } }, 422)).errors).toMatchObject([{ pointer: '/values/colour' }]);
  });

  it('a newer revision is the default from when it is posted', async () => {
    const { name } = await fresh();
    await shop.post(`/v1/templates/${name}/revisions`, document({ replicas: 7 }), 201);
    await given((await shop.post(`/v1/workloads/${name}/rollouts`, { revision: 1 })).id, 'CANCELED');
    await shop.post(`/v1/workloads/${name}/rollouts`);
    const { items } = await shop.get<Page<{ revision: { number: number } }>>(`/v1/workloads/${name}/releases`);
    expect(items.map(({ revision }) => revision.number)).toEqual([2, 1]);
  });
});
