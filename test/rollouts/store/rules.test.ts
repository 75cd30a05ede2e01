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
  }): Promise<string> => {
    const id = newId();
    await database.rows.rollout.create({
      data: { tenantId, id, workloadId: shop.workloadId, strategy: {}, createdBy: by, phase: 'SUCCEEDED', ...row },
    });
    await database.rows.wave.create({ data: { tenantId, id, rolloutId: id, position: 0, name: 'all' } });
    return id;
  },
  placement: async (row: { release?: number; cluster?: { deletedAt: Date } } = {}): Promise<string> => {
    const [id, clusterId] = [newId(), newId()];
    await database.rows.cluster.create({
      data: { tenantId, id: clusterId, name: `cluster-${clusterId}`, regionId, server: 'https://localhost', ...row.cluster },
    });
    const applied = row.release === undefined ? Prisma.DbNull : { release: row.release };
    await database.rows.placement.create({
      data: { tenantId, id, workloadId: shop.workloadId, clusterId, regionId, namespace: 'default', applied },
    });
    return id;
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
  it('is good from its first success on', async () => {
    const id = shop.releases.get(1)!;
    const goodAt = async () =>
      (await inTenant(() => database.rows.release.findUniqueOrThrow({ where: { tenantId_id: { tenantId, id } } }))).goodAt;

    await run(() => rules.noteGood(id));
    const since = await goodAt();
    await run(() => rules.noteGood(id));

    expect(since).toBeInstanceOf(Date);
    expect(await goodAt()).toEqual(since);
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

describe('the newest running release', () => {
  const newest = () => inTenant(() => new RolloutRepository(database).newestRunning(shop.workloadId));

  it('is that of a placement, the current one, or the one that a failed rollout may have left', async () => {
    expect(await newest()).toBeNull();

    await inTenant(() =>
      database.rows.workload.update({
        where: { tenantId_id: { tenantId, id: shop.workloadId } },
        data: { currentReleaseId: shop.releases.get(1)! },
      }),
    );
    expect(await newest()).toBe(1);

    await inTenant(() => create.rollout({ kind: 'DEPLOY', phase: 'FAILED', releaseId: shop.releases.get(2)! }));
    await inTenant(() => create.rollout({ kind: 'SCALE', phase: 'SUCCEEDED' }));
    expect(await newest()).toBe(2);

    await inTenant(() => create.rollout({ kind: 'ROLLBACK', phase: 'SUCCEEDED', releaseId: shop.releases.get(1)! }));
    expect(await newest()).toBe(1);

    await inTenant(() => create.placement({ release: 7 }));
    expect(await newest()).toBe(7);
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
