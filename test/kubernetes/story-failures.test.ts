import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectStatus } from '../support/api.ts';
import { ask, settled, violations } from '../support/world.ts';
import { makeStoryWorkload, onlyReplicaSet, runs, startStoryWorld, storyDocument, targetAt, until } from './story/world.ts';
import type { FullRollout, Site, StoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';

const OLD = 'web:1.0';
const NEW = 'web:2.0';

/** One workload of its own at two sites, where release 1 runs; something will go wrong at the first. */
interface Case {
  name: string;
  bad: Site;
  good: Site;
  /** The ReplicaSets of release 1. */
  before: string[];
}

describe.skipIf(providedClusters().length === 0)('what goes wrong on one of two real control planes', () => {
  let world: StoryWorld;
  beforeAll(async () => {
    world = await startStoryWorld();
  });
  afterAll(() => world?.close());

  const begun = async (name: string, document = storyDocument()): Promise<Case> => {
    const [bad, good] = await world.sites(providedClusters(), name);
    if (!bad || !good) throw new Error('two control planes are needed');
    const sites = [bad, good];
    await makeStoryWorkload(world, name, sites, document, { image: `shop/${OLD}` });
    const id = await ask(world, `/workloads/${name}/rollouts`);
    expect(await settled(world, id, 60)).toMatchObject({ phase: 'SUCCEEDED' });
    for (const site of sites) {
      await runs(site, name, OLD, 4);
      site.recorder.expect(name, { replicas: 4, maxSurge: 1, maxUnavailable: 0 });
    }
    return { name, bad, good, before: sites.map((site) => onlyReplicaSet(site, name)) };
  };
  /** Values that hold at the bad site alone, from the next rollout on. */
  const spoil = async ({ name, bad, good }: Case, values: Record<string, unknown>): Promise<void> => {
    const placements = [
      { cluster: bad.name, namespace: bad.namespace, values },
      { cluster: good.name, namespace: good.namespace },
    ];
    expectStatus(await world.tenant.rest('PATCH', `/v1/workloads/${name}`, { placements }), 200);
  };
  const roll = async ({ name }: Case, body: Record<string, unknown> = {}): Promise<FullRollout> => {
    const id = await ask(world, `/workloads/${name}/rollouts`, { values: { image: `shop/${NEW}` }, ...body });
    return (await settled(world, id, 60)) as FullRollout;
  };
  const backEverywhere = async ({ name, bad, good, before }: Case, rollout: FullRollout, there = 'ROLLED_BACK'): Promise<void> => {
    expect(rollout.phase).toBe('ROLLED_BACK');
    expect(targetAt(rollout, bad).phase).toBe(there);
    expect(['ROLLED_BACK', 'SKIPPED']).toContain(targetAt(rollout, good).phase);
    for (const site of [bad, good]) await runs(site, name, OLD, 4);
    expect([bad, good].map((site) => onlyReplicaSet(site, name))).toEqual(before);
  };
  /** Back where it went wrong; the other one was not held up and runs the new release. */
  const backThereAlone = async ({ name, bad, good, before }: Case, rollout: FullRollout): Promise<void> => {
    expect(rollout.phase).toBe('FAILED');
    expect(targetAt(rollout, good)).toMatchObject({ phase: 'SUCCEEDED', failure: null });
    await runs(good, name, NEW, 4);
    await runs(bad, name, OLD, 4);
    expect(onlyReplicaSet(bad, name)).toBe(before[0]);
  };

  describe.concurrent('', () => {
    test('a crash loop is told with exit code and last log lines, and takes everything back', async () => {
      const its = await begun('crashing');
      await spoil(its, { behaviour: 'crash-loop' });
      const rollout = await roll(its);
      expect(rollout.failure).toMatchObject({ reason: 'CrashLoopBackOff', cluster: its.bad.name, container: 'web', exitCode: 1 });
      expect(rollout.failure?.pod).toMatch(/^crashing-/);
      expect(rollout.failure?.message).toContain('exit code 1');
      expect(rollout.failure?.logTail).toContain('fatal: connection refused, giving up');
      expect(rollout.failure?.advice).toContain('log');
      await backEverywhere(its, rollout);
    });

    test('a container without its configuration is told at once; under ROLLBACK_TARGET the other cluster goes on', async () => {
      const its = await begun('misconfigured');
      await spoil(its, { behaviour: 'config-error' });
      const rollout = await roll(its, { onFailure: 'ROLLBACK_TARGET' });
      const target = targetAt(rollout, its.bad);
      expect(target).toMatchObject({
        phase: 'ROLLED_BACK',
        failure: { reason: 'CreateContainerConfigError', container: 'web', exitCode: null, logTail: null },
      });
      expect(target.failure?.advice).toContain('ConfigMap');
      await backThereAlone(its, rollout);
    });

    test('an init container that fails is told by its name, and takes its wave back', async () => {
      const its = await begun('uninitialized');
      await spoil(its, { behaviour: 'init-error' });
      const rollout = await roll(its, { onFailure: 'ROLLBACK_WAVE' });
      expect(rollout.failure).toMatchObject({ reason: 'CrashLoopBackOff', cluster: its.bad.name, container: 'migrate', exitCode: 1 });
      expect(rollout.failure?.logTail).toBeTruthy();
      await backEverywhere(its, rollout);
    });

    test('pods that never become Ready pause it after the deadline where it says so, and once healed a retry goes on', async () => {
      const its = await begun('sleepy');
      await spoil(its, { behaviour: 'never-ready' });
      const strategy = { type: 'ROLLING', progressDeadlineSeconds: 8 };
      const rollout = await roll(its, { onFailure: 'PAUSE', strategy });
      expect(rollout).toMatchObject({ phase: 'PAUSED', pauseReason: 'FAILURE' });
      const { failure } = targetAt(rollout, its.bad);
      expect(failure).toMatchObject({ reason: 'PROGRESS_DEADLINE', container: 'web' });
      expect(failure?.message).toMatch(/^No progress for 8 s: .*NotReady/);
      expect(failure?.advice).toContain('readiness probe');

      const healing = healAll(its.bad, its.name);
      await ask(world, `/rollouts/${rollout.id}/retry`);
      expect(await settled(world, rollout.id, 60)).toMatchObject({ phase: 'SUCCEEDED' });
      await healing.stop();
      for (const site of [its.bad, its.good]) await runs(site, its.name, NEW, 4);
    });

    test('a quota that leaves no room is named, and undone without room for one more pod', async () => {
      const its = await begun('crowded');
      const quota = { metadata: { name: 'four' }, spec: { hard: { pods: '4' } } };
      const { admin, namespace } = its.bad;
      await admin.request('POST', `/api/v1/namespaces/${namespace}/resourcequotas`, quota);
      await admin.until(`/api/v1/namespaces/${namespace}/resourcequotas`, ([now]) => now?.['status']?.used?.pods === '4');
      // Pods on their way out make room, so it is given its time.
      const rollout = await roll(its, { onFailure: 'ROLLBACK_TARGET', strategy: { type: 'ROLLING', progressDeadlineSeconds: 8 } });
      const { failure } = targetAt(rollout, its.bad);
      expect(failure).toMatchObject({ reason: 'PROGRESS_DEADLINE', pod: null });
      expect(failure?.message).toMatch(
        /^No progress for 8 s: .*FailedCreate: .*exceeded quota: four, requested: pods=1, used: pods=4, limited: pods=4/,
      );
      expect(failure?.advice).toContain("Raise the namespace's quota");
      await backThereAlone(its, rollout);
    });

    test('what a policy refuses is said in its own words before anything is written there', async () => {
      const its = await begun('refused');
      const remove = await refuse(its.bad, 'deployments', 'apps', "object.spec.template.metadata.labels.audience != 'nobody'");
      await spoil(its, { audience: 'nobody' });
      const rollout = await roll(its);
      expect(rollout.failure).toMatchObject({ reason: 'ADMISSION_DENIED', cluster: its.bad.name, pod: null });
      expect(rollout.failure?.message).toContain('somebody has to be served');
      expect(rollout.failure?.advice).toContain('policy');
      await backEverywhere(its, rollout, 'FAILED');
      await remove();
    });

    test('what a policy refuses of the pods alone is said too', async () => {
      const its = await begun('podless');
      const remove = await refuse(its.bad, 'pods', '', "object.metadata.?labels.audience.orValue('') != 'nobody'");
      await spoil(its, { audience: 'nobody' });
      const rollout = await roll(its);
      expect(rollout.failure).toMatchObject({ reason: 'FailedCreate', cluster: its.bad.name, pod: null });
      expect(rollout.failure?.message).toContain('somebody has to be served');
      expect(rollout.failure?.advice).toContain('admission policy');
      await backEverywhere(its, rollout);
      await remove();
    });

    test('a verb that the Role lacks is named before anything is written there', async () => {
      const its = await begun('powerless');
      const { admin, namespace, name } = its.bad;
      const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/slipway`;
      const role = await admin.request('GET', path);
      const rules = (role['rules'] as { resources: string[]; verbs: string[] }[]).map((rule) =>
        rule.resources.includes('deployments') ? { ...rule, verbs: rule.verbs.filter((verb) => verb !== 'patch') } : rule,
      );
      await admin.request('PATCH', path, { rules });
      const rollout = await roll(its);
      expect(rollout.failure).toMatchObject({ reason: 'FORBIDDEN', cluster: name });
      expect(rollout.failure?.message).toBe(`The credential may not patch deployments in apps in namespace ${namespace}.`);
      expect(rollout.failure?.advice).toContain('access manifest');
      await backEverywhere(its, rollout, 'FAILED');
    });

    test('a namespace that is missing is told by a credential that may see so', async () => {
      const [bad, good] = await world.sites(providedClusters(), 'homeless');
      if (!bad || !good) throw new Error('two control planes are needed');
      const { server, caData, adminToken } = bad.plane;
      const owner = `${bad.plane.name}-owner`;
      expectStatus(await world.tenant.rest('POST', '/v1/clusters', { name: owner, region: 'eu', server, caData, token: adminToken }), 201);
      await makeStoryWorkload(world, 'homeless', [{ ...bad, name: owner, namespace: 'no-such-namespace' }, good]);
      const rollout = (await settled(world, await ask(world, '/workloads/homeless/rollouts'), 60)) as FullRollout;
      expect(rollout).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'NAMESPACE_MISSING', cluster: owner } });
      expect(rollout.failure?.message).toContain('no-such-namespace');
      expect(rollout.failure?.advice).toContain('Create the namespace');
      // Nothing ran before, so nothing is left.
      await good.recorder.until(() => good.recorder.names('deployments', 'homeless').length === 0, 'nothing is left');
    });

    test('a namespace that the credential does not reach is a condition, and once it does the rollout goes on', async () => {
      const [bad, good] = await world.sites(providedClusters(), 'locked');
      if (!bad || !good) throw new Error('two control planes are needed');
      const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${bad.namespace}/rolebindings`;
      const binding = await bad.admin.request('GET', `${path}/slipway`);
      await bad.admin.request('DELETE', `${path}/slipway`);
      await makeStoryWorkload(world, 'locked', [bad, good]);
      const id = await ask(world, '/workloads/locked/rollouts');
      const waiting = await until(world, id, 'the bad one waits and the good one is done', (rollout) => {
        return targetAt(rollout, bad).condition !== null && targetAt(rollout, good).phase === 'SUCCEEDED';
      });
      expect(targetAt(waiting, bad).condition).toMatchObject({ type: 'ACCESS' });
      expect(targetAt(waiting, bad).condition?.message).toContain(bad.namespace);
      expect(targetAt(waiting, bad).condition?.advice).toContain('access manifest');
      const { roleRef, subjects } = binding as unknown as Record<string, unknown>;
      await bad.admin.request('POST', path, { metadata: { name: 'slipway' }, roleRef, subjects });
      expect(await settled(world, id, 60)).toMatchObject({ phase: 'SUCCEEDED' });
      for (const site of [bad, good]) await runs(site, 'locked', OLD, 4);
    });
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});

/** Takes the annotation that breaks them away from the pods that are there and from every one that comes, as if what they wait for had come back. */
function healAll({ admin, namespace }: Site, workload: string): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const healing = (async () => {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    for await (const { type, object } of admin.watch(`${path}?labelSelector=slipway.dev%2Fworkload%3D${workload}`, stopping.signal)) {
      if (type === 'DELETED' || object.metadata.annotations?.['simulation/behaviour'] !== 'never-ready') continue;
      const annotations = { 'simulation/behaviour': null };
      await admin.request('PATCH', `${path}/${object.metadata.name}`, { metadata: { annotations } }).catch(() => undefined);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await healing;
    },
  };
}

/** A policy of the API server's own, in one namespace; resolves once it is enforced. The result removes it. */
async function refuse({ admin, namespace }: Site, resource: string, group: string, expression: string): Promise<() => Promise<void>> {
  const path = '/apis/admissionregistration.k8s.io/v1';
  const name = `served-${namespace}`;
  const rule = { apiGroups: [group], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: [resource] };
  const validations = [{ expression, message: 'somebody has to be served' }];
  await admin.request('POST', `${path}/validatingadmissionpolicies`, {
    metadata: { name },
    spec: { matchConstraints: { resourceRules: [rule] }, validations },
  });
  const matchResources = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } };
  await admin.request('POST', `${path}/validatingadmissionpolicybindings`, {
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'], matchResources },
  });
  await enforced(admin, namespace, resource);
  return async () => {
    await admin.request('DELETE', `${path}/validatingadmissionpolicybindings/${name}`);
    await admin.request('DELETE', `${path}/validatingadmissionpolicies/${name}`);
  };
}

/** The API server takes a policy up after a while, and tells nobody: it is asked with dry runs until it refuses one. */
async function enforced(admin: Site['admin'], namespace: string, resource: string): Promise<void> {
  const labels = { audience: 'nobody', app: 'probe' };
  const pod = { metadata: { labels }, spec: { containers: [{ name: 'probe', image: 'probe:1' }] } };
  const metadata = { name: 'probe', labels };
  const body =
    resource === 'pods' ? { ...pod, metadata } : { metadata, spec: { selector: { matchLabels: { app: 'probe' } }, template: pod } };
  const root = resource === 'pods' ? '/api/v1' : '/apis/apps/v1';
  for (const deadline = Date.now() + 30_000; Date.now() < deadline;) {
    const refused = await admin.request('POST', `${root}/namespaces/${namespace}/${resource}?dryRun=All`, body).then(
      () => false,
      (error: unknown) => String(error).includes('somebody has to be served'),
    );
    if (refused) return;
  }
  throw new Error('the policy is not enforced after 30 s');
}
