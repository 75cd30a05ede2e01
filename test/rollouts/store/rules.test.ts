/**
 * The rules that are SQL, each through the database: what a success makes of a workload, whose number of pods changes, and what is read of a workload for the rules of
 * the core.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Prisma } from '../../../src/generated/prisma/client.ts';
import type { RolloutIntent, RolloutKind, RolloutPhase } from '../../../src/generated/prisma/enums.ts';
import { Database } from '../../../src/platform/db/database.ts';
import type { Statement } from '../../../src/platform/db/statements.ts';
import { isOccupied } from '../../../src/rollouts/core/occupied.ts';
import { RolloutRepository } from '../../../src/rollouts/store/rollout.repository.ts';
import * as rules from '../../../src/rollouts/store/rules.ts';
import { freshDatabase, onConnection } from '../../support/database.ts';
import type { FreshDatabase } from '../../support/database.ts';

let fresh: FreshDatabase;
let database: Database;
const [tenantId, regionId] = [randomUUID(), randomUUID()];
const by = { keyId: null, name: 'test', actor: null };
const inTenant = <T>(work: () => Promise<T>): Promise<T> => database.as({ tenantId }, work);
const run = <O>(statement: () => Statement<O>): Promise<O[]> => inTenant(() => database.run(statement()));

beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database({ url: fresh.appUrl, poolSize: 2 });
  await onConnection(fresh.ownerUrl, (client) =>
    client.query('INSERT INTO regions (id, name, updated_at) VALUES ($1, $2, now())', [regionId, 'here']),
  );
  await inTenant(() => database.rows.tenant.create({ data: { id: tenantId, name: 'rules', dataKeySealed: Buffer.from('sealed') } }));
});

afterAll(async () => {
  await database.close();
  await fresh.drop();
});

/** Ids increase as those of the product do. */
let counter = 0;
const newId = () => `00000000-0000-7000-8000-${String(++counter).padStart(12, '0')}`;

interface Shop {
  templateId: string;
  workloadId: string;
  /** By number. */
  releases: Map<number, string>;
}
let shop: Shop;

const create = {
  template: async (latestRevision: number): Promise<{ id: string; revisionId: string }> => {
    const [id, revisionId] = [newId(), newId()];
    await database.rows.template.create({ data: { tenantId, id, name: `template-${id}`, latestRevision } });
    await database.rows.revision.create({
      data: { tenantId, id: revisionId, templateId: id, number: 2, digest: id, document: {}, createdBy: by },
    });
    return { id, revisionId };
  },
  release: async (number: number, revisionId: string, values: object, workloadId: string): Promise<string> => {
    const id = newId();
    await database.rows.release.create({
      data: { tenantId, id, workloadId, number, revisionId, values, placements: [], createdBy: by },
    });
    return id;
  },
  rollout: async (row: {
    kind: RolloutKind;
    phase?: RolloutPhase;
    releaseId?: string;
    values?: object;
    intent?: RolloutIntent | null;
    settledAt?: Date;
  }): Promise<string> => {
    const id = newId();
    await database.rows.rollout.create({
      data: { tenantId, id, workloadId: shop.workloadId, strategy: {}, createdBy: by, phase: 'SUCCEEDED', ...row },
    });
    await database.rows.wave.create({ data: { tenantId, id, rolloutId: id, position: 0, name: 'all' } });
    return id;
  },
  placement: async (row: { release?: number; releaseId?: string; cluster?: { deletedAt: Date } } = {}): Promise<string> => {
    const [id, clusterId] = [newId(), newId()];
    await database.rows.cluster.create({
      data: { tenantId, id: clusterId, name: `cluster-${clusterId}`, regionId, server: 'https://localhost', ...row.cluster },
    });
    const { release, releaseId = newId() } = row;
    const applied = release === undefined ? Prisma.DbNull : { release, releaseId };
    await database.rows.placement.create({
      data: { tenantId, id, workloadId: shop.workloadId, clusterId, regionId, namespace: 'default', applied },
    });
    return id;
  },
  rendering: async (releaseId: string, placementId: string, replicas: number): Promise<void> => {
    const digest = newId();
    await database.rows.rendered.create({ data: { tenantId, digest, objects: '[]' } });
    await database.rows.releaseObject.create({
      data: { tenantId, releaseId, placementId, digest, templateDigest: digest, replicas, strategy: {} },
    });
  },
  target: async (rolloutId: string, placementId: string, row: Partial<Prisma.TargetUncheckedCreateInput> = {}): Promise<string> => {
    const id = newId();
    await database.rows.target.create({
      data: { tenantId, id, rolloutId, waveId: rolloutId, placementId, stages: [], written: true, from: {}, to: {}, ...row },
    });
    return id;
  },
};

beforeEach(async () => {
  await inTenant(async () => {
    const template = await create.template(3);
    const workloadId = newId();
    await database.rows.workload.create({
      data: {
        tenantId,
        id: workloadId,
        name: `web-${workloadId}`,
        templateId: template.id,
        values: { a: 1 },
        pinnedRevision: 1,
        pinnedAtLatest: 1,
      },
    });
    const first = await create.release(1, template.revisionId, { a: 1 }, workloadId);
    const second = await create.release(2, template.revisionId, { a: 2 }, workloadId);
    shop = {
      templateId: template.id,
      workloadId,
      releases: new Map([
        [1, first],
        [2, second],
      ]),
    };
  });
});

const workload = () =>
  inTenant(() => database.rows.workload.findUniqueOrThrow({ where: { tenantId_id: { tenantId, id: shop.workloadId } } }));

describe('a release', () => {
  const goodAt = async () => {
    const id = shop.releases.get(1)!;
    return (await inTenant(() => database.rows.release.findUniqueOrThrow({ where: { tenantId_id: { tenantId, id } } }))).goodAt;
  };
  const succeeds = () => run(() => rules.noteGood(shop.workloadId));
  const rendered = (placementId: string, replicas: number) => create.rendering(shop.releases.get(1)!, placementId, replicas);
  /** A placement where release 1 is live. */
  const live = async (replicas: number): Promise<string> => {
    const id = await create.placement({ release: 1, releaseId: shop.releases.get(1)! });
    await rendered(id, replicas);
    return id;
  };

  it('is good once every placement with pods has run it, and stays so', async () => {
    const [first, second] = await inTenant(async () => [await live(2), await live(3), await live(0)]);
    await run(() => rules.noteRan(first, 1));
    await succeeds();
    expect(await goodAt()).toBeNull();

    await run(() => rules.noteRan(second, 1));
    await succeeds();
    const since = await goodAt();
    expect(since).toBeInstanceOf(Date);

    await inTenant(() => live(1));
    await succeeds();
    expect(await goodAt()).toEqual(since);
  });

  it('that had no pod anywhere has shown nothing, until it is scaled', async () => {
    const placement = await inTenant(() => live(0));
    await succeeds();
    expect(await goodAt()).toBeNull();

    await inTenant(() => database.rows.placement.update({ where: { tenantId_id: { tenantId, id: placement } }, data: { replicas: 2 } }));
    await succeeds();
    expect(await goodAt()).toBeNull();
    await run(() => rules.noteRan(placement, 1));
    await succeeds();
    expect(await goodAt()).toBeInstanceOf(Date);
  });

  it('does not wait for placements that are gone, and another release that ran says nothing', async () => {
    const [first, second] = await inTenant(async () => {
      const gone = await create.placement({ cluster: { deletedAt: new Date() } });
      await rendered(gone, 1);
      const unwanted = await live(1);
      await database.rows.placement.update({ where: { tenantId_id: { tenantId, id: unwanted } }, data: { wanted: false } });
      return [await live(1), await live(1)];
    });
    await run(() => rules.noteRan(first, 1));
    await run(() => rules.noteRan(second, 2));
    await succeeds();
    expect(await goodAt()).toBeNull();

    await run(() => rules.noteRan(second, 1));
    await succeeds();
    expect(await goodAt()).toBeInstanceOf(Date);
  });
});

describe('a success of a deployment', () => {
  it.each([
    ['values that are new, and counts that as a version', { b: 2 }, { a: 1, b: 2 }, 2],
    ['values that are the same, which is no new version', { a: 1 }, { a: 1 }, 1],
  ])('leaves the workload with its release and %s', async (_, values, expected, version) => {
    const releaseId = shop.releases.get(2)!;
    const rollout = await inTenant(() => create.rollout({ kind: 'DEPLOY', releaseId, values }));

    await run(() => rules.becomeDeployed(shop.workloadId, rollout));

    expect(await workload()).toMatchObject({
      currentReleaseId: releaseId,
      values: expected,
      version,
      pinnedRevision: null,
      pinnedAtLatest: null,
    });
  });
});

describe('a success of a rollback', () => {
  const rolledBack = async (number: number) => {
    const rollout = await inTenant(() => create.rollout({ kind: 'ROLLBACK', releaseId: shop.releases.get(number)! }));
    await run(() => rules.goBack(shop.workloadId, rollout));
    return workload();
  };

  it.each([
    ['the same, which is no new version', 1, { a: 1 }, 1],
    ['other ones', 2, { a: 2 }, 2],
  ])("leaves the workload with the release's revision, pinned, and values: %s", async (_, number, values, version) => {
    expect(await rolledBack(number)).toMatchObject({
      currentReleaseId: shop.releases.get(number),
      templateId: shop.templateId,
      values,
      version,
      pinnedRevision: 2,
      pinnedAtLatest: 3,
    });
  });

  it.each([
    ["takes the release's template too", null, 2],
    ["leaves the workload's template where that of the release is deleted", new Date(), 1],
  ])('%s', async (_, deletedAt, version) => {
    const other = await inTenant(async () => {
      const template = await create.template(5);
      shop.releases.set(3, await create.release(3, template.revisionId, { a: 1 }, shop.workloadId));
      await database.rows.template.update({ where: { tenantId_id: { tenantId, id: template.id } }, data: { deletedAt } });
      return template;
    });

    const expected = deletedAt
      ? { templateId: shop.templateId, pinnedRevision: null, pinnedAtLatest: null }
      : { templateId: other.id, pinnedRevision: 2, pinnedAtLatest: 5 };
    expect(await rolledBack(3)).toMatchObject({ ...expected, version });
  });
});

describe('a success of a removal', () => {
  it('leaves a tombstone in a new version', async () => {
    await run(() => rules.becomeDeleted(shop.workloadId));

    const after = await workload();
    expect(after).toMatchObject({ version: 2 });
    expect(after.deletedAt).toBeInstanceOf(Date);
  });
});

describe('another number of pods', () => {
  it.each([
    ['DEPLOY', 'RUNNING', 'CHANGING', 5],
    ['DEPLOY', 'SUCCEEDED', 'CHANGING', null],
    ['SCALE', 'RUNNING', 'CHANGING', null],
    ['DEPLOY', 'PAUSED', 'ALL', 5],
    ['SCALE', 'RUNNING', 'ALL', 5],
    ['SCALE', 'FAILED', 'ALL', null],
  ] as const)('for a %s that is %s, of rollouts %s: %s', async (kind, phase, rollouts, expected) => {
    const { there, elsewhere, placement } = await inTenant(async () => {
      const rollout = await create.rollout({ kind, phase });
      const placement = await create.placement();
      return {
        placement,
        there: await create.target(rollout, placement),
        elsewhere: await create.target(rollout, await create.placement()),
      };
    });

    await run(() => rules.renumber([{ placementId: placement, replicas: 5 }], rollouts));

    const numbers = await inTenant(() =>
      database.rows.target.findMany({ where: { id: { in: [there, elsewhere] } }, orderBy: { id: 'asc' } }),
    );
    expect(numbers.map(({ replicas }) => replicas)).toEqual([expected, null]);
    expect(numbers.map(({ version }) => version)).toEqual([expected === null ? 1 : 2, 1]);
    // What was asked for later is what an older change of scale goes back to.
    const before = kind === 'SCALE' ? expected : null;
    expect(numbers.map(({ replicasBefore }) => replicasBefore)).toEqual([before, null]);
  });
});

describe('what may be in the clusters', () => {
  const occupied = async () =>
    (await run(() => rules.occupancies({ tenant: tenantId, workloadId: shop.workloadId }))).filter(isOccupied).map(({ id }) => id);

  it('is what the last target that wrote there and that changes more than numbers has left', async () => {
    const { live, removed, failed } = await inTenant(async () => {
      const placements = {
        live: await create.placement({ release: 1 }),
        removed: await create.placement(),
        failed: await create.placement(),
        never: await create.placement(),
      };
      const before = await create.rollout({ kind: 'DEPLOY' });
      await create.target(before, placements.removed, { phase: 'SUCCEEDED' });
      const last = await create.rollout({ kind: 'DELETE' });
      await create.target(last, placements.removed, { to: Prisma.DbNull, phase: 'SUCCEEDED' });
      await create.target(last, placements.failed, { to: Prisma.DbNull, phase: 'FAILED' });
      await create.target(last, placements.never, { written: false, phase: 'FAILED' });
      const scale = await create.rollout({ kind: 'SCALE' });
      await create.target(scale, placements.removed, { phase: 'FAILED' });
      return placements;
    });

    expect(await occupied()).toEqual(expect.arrayContaining([live, failed]));
    expect(await occupied()).toHaveLength(2);
    expect(await occupied()).not.toContain(removed);
  });

  it("is nothing of ours on a cluster that was removed: that is its owner's", async () => {
    await inTenant(() => create.placement({ release: 1, cluster: { deletedAt: new Date() } }));

    expect(await occupied()).toEqual([]);
  });
});

describe('the history of a workload', () => {
  const history = () => inTenant(() => new RolloutRepository(database).history(shop.workloadId));

  it('has what succeeded in its order, what is live, and how the last change ended', async () => {
    expect(await history()).toEqual({ done: [], live: [], lastPhase: null });

    const [one, two] = [shop.releases.get(1)!, shop.releases.get(2)!];
    const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
    await inTenant(async () => {
      await create.rollout({ kind: 'DEPLOY', releaseId: two, settledAt: at(2) });
      await create.rollout({ kind: 'DEPLOY', releaseId: one, settledAt: at(1) });
      await create.rollout({ kind: 'ROLLBACK', releaseId: one, settledAt: at(3) });
      await create.rollout({ kind: 'RESTART', releaseId: one, settledAt: at(4) });
      await create.rollout({ kind: 'DEPLOY', releaseId: two, phase: 'FAILED', settledAt: at(5) });
      await create.rollout({ kind: 'SCALE', settledAt: at(6) });
      await create.placement({ release: 2 });
      await create.placement({ release: 2 });
      await create.placement();
    });
    expect(await history()).toEqual({
      done: [
        { kind: 'DEPLOY', release: 1 },
        { kind: 'DEPLOY', release: 2 },
        { kind: 'ROLLBACK', release: 1 },
      ],
      live: [2],
      lastPhase: 'FAILED',
    });
  });
});

describe('rollouts that need no more waiting', () => {
  it.each([
    ['QUEUED', null, false],
    ['RUNNING', null, false],
    ['PAUSED', null, true],
    ['PAUSED', 'ABORT', false],
    ['ROLLING_BACK', null, false],
    ['SUCCEEDED', null, true],
    ['SUPERSEDED', 'ABORT', true],
  ] as const)('%s with the intent %s: %s', async (phase, intent, rests) => {
    const id = await inTenant(() => create.rollout({ kind: 'DEPLOY', phase, intent }));

    expect(await new RolloutRepository(database).restingOf([id])).toEqual(rests ? [id] : []);
  });
});
