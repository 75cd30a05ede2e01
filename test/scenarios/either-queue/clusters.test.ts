import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { onOneQueue } from '../../support/queues.ts';
import { expectStatus } from '../../support/api.ts';
import {
  BETTER,
  deploy,
  eventsOf,
  expectEverywhere,
  GOOD,
  makeWorkload,
  rolloutOf,
  running,
  settled,
  startWorld,
  violations,
} from '../../support/world.ts';
import type { RolloutView, World } from '../../support/world.ts';

onOneQueue('clusters in trouble', (queue) => {
  let world: World;
  let workload: string;
  let image = GOOD;

  const start = async (body: Record<string, unknown> = {}): Promise<string> => {
    image = image === GOOD ? BETTER : GOOD;
    return deploy(world, workload, { values: { image }, ...body });
  };
  const rolledBack = async (id: string): Promise<RolloutView> => {
    const rollout = await settled(world, id);
    expect(rollout.phase).toBe('ROLLED_BACK');
    image = image === GOOD ? BETTER : GOOD;
    expect(running(world, 'web')).toEqual(Array(3).fill(`${image} x4`));
    return rollout;
  };
  const targetsUntil = async (id: string, condition: (rollout: RolloutView) => boolean): Promise<RolloutView> => {
    const look = async (): Promise<RolloutView | null> => {
      const rollout = await rolloutOf(world, id);
      return condition(rollout) ? rollout : null;
    };
    return vi.waitUntil(look, { timeout: 15_000, interval: 100 });
  };

  beforeAll(async () => {
    world = await startWorld({ clusters: 3, queue });
    workload = await makeWorkload(world, 'web');
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
    expectEverywhere(world, 'web', { replicas: 4, maxSurge: 1, maxUnavailable: 0 });
  });
  afterAll(() => world.close());

  test('one that does not answer is waited for, and holds nobody else up', async () => {
    world.clusters[0]?.setFaults({ partition: 'refuse' });
    const id = await start();
    const waiting = await targetsUntil(
      id,
      ({ targets }) =>
        targets.filter((target) => target.phase === 'SUCCEEDED').length === 2 && targets.some((target) => target.condition !== null),
    );
    expect(waiting).toMatchObject({ phase: 'RUNNING' });
    expect(waiting.targets.find((target) => target.cluster.name === 'cluster-1')).toMatchObject({
      phase: 'PROGRESSING',
      condition: { type: 'UNREACHABLE' },
    });
    world.clusters[0]?.clearFaults();
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect((await eventsOf(world, id)).map((event) => event.type)).toEqual(
      expect.arrayContaining(['target.unreachable', 'target.reachable']),
    );
  });

  test('an expired token is said, and new credentials let it go on', async () => {
    world.clusters[1]?.setFaults({ tokenExpired: true });
    const id = await start();
    await targetsUntil(id, ({ targets }) => targets.some((target) => target.condition?.type === 'ACCESS'));
    world.clusters[1]?.clearFaults();
    const kubeconfig = world.clusters[1]?.kubeconfig;
    expectStatus(await world.tenant.rest('PUT', '/v1/clusters/cluster-2/credentials', { kubeconfig }), 200);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
  });

  test('a missing permission is named before anything is written there', async () => {
    world.clusters[2]?.setFaults({ deniedVerbs: [{ verb: 'patch', resource: 'deployments' }] });
    const rollout = await rolledBack(await start());
    expect(rollout.failure).toMatchObject({
      cluster: 'cluster-3',
      reason: 'FORBIDDEN',
      message: expect.stringContaining('patch deployments in apps') as string,
    });
    world.clusters[2]?.clearFaults();
  });

  test('what admission refuses is said in its own words', async () => {
    world.clusters[0]?.setFaults({ admissionDenials: [{ kind: 'Deployment', pattern: 'web:', message: 'images need a digest' }] });
    const rollout = await rolledBack(await start());
    expect(rollout.failure).toMatchObject({
      cluster: 'cluster-1',
      reason: 'ADMISSION_DENIED',
      message: expect.stringContaining('images need a digest') as string,
    });
    world.clusters[0]?.clearFaults();
  });

  test('a crash loop is caught with the last lines of its log', async () => {
    for (const { setFaults } of world.clusters)
      setFaults({ behaviours: [{ image: image === GOOD ? 'web:2' : 'web:1', behaviour: 'crash-loop' }] });
    const rollout = await rolledBack(await start());
    expect(rollout.failure).toMatchObject({ reason: 'CrashLoopBackOff', container: 'web' });
    expect(rollout.failure?.logTail).toBeTruthy();
    for (const { clearFaults } of world.clusters) clearFaults();
  });

  test('errors, cuts, lost replies and throttling are outlived', async () => {
    for (const { setFaults } of world.clusters)
      setFaults({
        errorProbability: 0.06,
        errorCode: 503,
        resetProbability: 0.06,
        lostReplyProbability: 0.06,
        throttleProbability: 0.06,
        retryAfterSeconds: 1,
      });
    const id = await start();
    const rollout = await settled(world, id);
    for (const { clearFaults } of world.clusters) clearFaults();
    expect(rollout).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'web')).toEqual(Array(3).fill(`${image} x4`));
  });

  test('watches that are cut or expire are taken up again', async () => {
    const id = await start();
    await world.recorders[0]?.until(() => world.recorders[0]?.replicaSets('web').length === 2, 'the first new pods');
    for (const { expireWatches, dropWatches } of world.clusters) {
      expireWatches();
      dropWatches();
    }
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
  });

  test("somebody else's Deployment of that name is left alone", async () => {
    const taken = await makeWorkload(world, 'taken');
    const [cluster] = world.clusters;
    if (!cluster) throw new Error('no cluster');
    await world.recorders[0]?.create('/apis/apps/v1/namespaces/default/deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'taken' },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'x' } },
        template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'x', image: 'registry.example/x:1' }] } },
      },
    });
    const rollout = await settled(world, await deploy(world, taken));
    expect(rollout).toMatchObject({ phase: 'ROLLED_BACK', failure: { cluster: 'cluster-1', reason: 'NOT_OURS' } });
    expect(world.recorders.slice(1).flatMap((recorder) => recorder.names('deployments', 'taken'))).toEqual([]);
  });

  test('the checks tell of each cluster how it stands', async () => {
    world.clusters[1]?.setFaults({ deniedVerbs: [{ verb: 'watch', resource: 'pods' }] });
    const denied = expectStatus(
      await world.tenant.rest<{ status: string; missingPermissions: unknown[] }>('POST', '/v1/clusters/cluster-2/check'),
      200,
    );
    expect(denied).toMatchObject({ status: 'DENIED' });
    expect(denied.missingPermissions).toMatchObject([{ resource: 'pods', verb: 'watch', namespace: 'default' }]);
    world.clusters[1]?.setFaults({ deniedVerbs: null, partition: 'refuse' });
    expect(expectStatus(await world.tenant.rest('POST', '/v1/clusters/cluster-2/check'), 200)).toMatchObject({ status: 'UNREACHABLE' });
    world.clusters[1]?.clearFaults();
    expect(expectStatus(await world.tenant.rest('POST', '/v1/clusters/cluster-2/check'), 200)).toMatchObject({
      status: 'CONNECTED',
      missingPermissions: [],
      // Simulated clusters hand out the credential of their owner.
      statusReason: expect.stringContaining('has full access to this cluster') as string,
    });
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
