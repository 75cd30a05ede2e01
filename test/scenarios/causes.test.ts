import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SimulatedCluster } from '../../simulator/simulator.ts';
import { connect } from '../simulator/support/client.ts';
import { expectStatus } from '../support/api.ts';
import { setReadySince } from '../support/clocks.ts';
import type { Client } from '../simulator/support/client.ts';
import { BETTER, deploy, GOOD, makeWorkload, rolloutOf, running, settled, startWorld, violations, webDocument } from '../support/world.ts';
import type { RolloutView, TargetView, World } from '../support/world.ts';

const BUSY = 'failed to copy: httpReadSeeker: failed open: unexpected status code: 429 Too Many Requests';
const pods = '/api/v1/namespaces/default/pods';

/** No grace that a slow machine could exceed, where nothing is to fail; a short one where it is. */
const patient = { type: 'ROLLING', maxSurge: 1, maxUnavailable: 0, progressDeadlineSeconds: 60, failureGraceSeconds: 50 };
const hasty = { ...patient, failureGraceSeconds: 1 };

describe('what stands in the way of a rollout', () => {
  let world: World;
  let first: SimulatedCluster;
  let client: Client;

  const targetOf = ({ targets }: RolloutView): TargetView => targets.find(({ cluster }) => cluster.name === first.name)!;
  /** What the bad cluster's target shows, once it shows something. */
  const shown = async (id: string): Promise<TargetView['conditions'][number]> => {
    const find = async () => targetOf(await rolloutOf(world, id)).conditions[0];
    await expect.poll(find).toBeDefined();
    return (await find())!;
  };
  /** A workload that runs everywhere; with a document of its own, or more of it. */
  const begun = async (name: string, change: Record<string, unknown> = {}): Promise<string> => {
    const workload = await makeWorkload(world, name, webDocument({ strategy: patient, ...change }));
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
    return workload;
  };
  const roll = (workload: string, strategy: object = patient): Promise<string> =>
    deploy(world, workload, { values: { image: BETTER }, strategy });

  beforeAll(async () => {
    world = await startWorld({ clusters: 2 });
    [first] = world.clusters as [SimulatedCluster];
    client = connect(first);
  });
  afterEach(() => first.clearFaults());
  afterAll(async () => {
    await client.close();
    await world.close();
  });

  describe('undoes nothing where it passes by itself', () => {
    const ends = async (workload: string, id: string): Promise<void> => {
      const rollout = await settled(world, id);
      expect(rollout).toMatchObject({ phase: 'SUCCEEDED', failure: null });
      expect(targetOf(rollout)).toMatchObject({ condition: null, conditions: [] });
      expect(running(world, workload)).toEqual(Array(2).fill(`${BETTER} x4`));
    };

    test('a full quota, with no surge to fill it', async () => {
      const workload = await begun('full', { strategy: { ...patient, maxSurge: 0, maxUnavailable: 1 } });
      const used = (await client.get(pods)).items.filter((pod: any) => !pod.metadata.deletionTimestamp).length;
      await client.create('/api/v1/namespaces/default/resourcequotas', {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'full' },
        spec: { hard: { pods: String(used) } },
      });
      await ends('full', await roll(workload, { type: 'ROLLING', maxSurge: 0, maxUnavailable: 1 }));
      await client.remove('/api/v1/namespaces/default/resourcequotas/full');
    });

    test('a webhook that does not answer when pods are created', async () => {
      const workload = await begun('webhook');
      first.setFaults({ admissionOutages: [{ kind: 'Pod', pattern: BETTER }] });
      const id = await roll(workload);
      expect(await shown(id)).toMatchObject({
        code: 'FailedCreate',
        message: expect.stringContaining('failed calling webhook') as string,
        data: { kind: 'WEBHOOK', severity: 'SLOW', blames: 'CLUSTER', pod: null },
      });
      first.clearFaults();
      await ends('webhook', id);
    });

    test('a registry that has too many requests', async () => {
      const workload = await begun('busy');
      first.setFaults({ pullErrors: [{ image: BETTER, message: BUSY }] });
      const id = await roll(workload);
      expect(await shown(id)).toMatchObject({
        code: expect.stringMatching(/^(ErrImagePull|ImagePullBackOff)$/) as string,
        message: expect.stringContaining(BUSY) as string,
        data: { kind: 'UNAVAILABLE', severity: 'TRANSIENT', blames: 'PLATFORM', container: 'web' },
      });
      first.clearFaults();
      await ends('busy', id);
    });

    test('a node that does not get an image that others run, and it is named', async () => {
      const workload = await begun('lonely');
      const node = `${first.name}-node-2`;
      // A message that may pass: the pull may fail before the pods of other nodes run the image.
      first.setFaults({ pullErrors: [{ image: BETTER, node, message: `${BETTER}: dial tcp: i/o timeout` }] });
      // One pod a node: the pods of the release before keep the others full.
      const id = await roll(workload, { type: 'ROLLING', maxSurge: 4, maxUnavailable: 0, failureGraceSeconds: 50 });
      await expect.poll(async () => (await shown(id)).data).toMatchObject({ kind: 'ONE_NODE', node, severity: 'TRANSIENT' });
      expect((await shown(id)).message).toContain(`So on node ${node}, while other pods`);
      first.clearFaults();
      await ends('lonely', id);
    });

    test('a Secret that comes late', async () => {
      const container = {
        name: 'web',
        image: '${{ params.image }}',
        envFrom: [{ secretRef: { name: 'late', optional: '${{ params.sure }}' } }],
      };
      const parameters = { image: { type: 'string', required: true }, sure: { type: 'boolean', default: true } };
      const workload = await begun('late', { parameters, pod: { spec: { containers: [container] } } });
      const id = await deploy(world, workload, { values: { image: BETTER, sure: false }, strategy: patient });
      expect(await shown(id)).toMatchObject({
        code: 'CreateContainerConfigError',
        message: expect.stringContaining('secret "late" not found') as string,
        data: { severity: 'TRANSIENT', blames: 'RELEASE' },
      });
      for (const cluster of world.clusters) {
        const own = connect(cluster);
        await own.create('/api/v1/namespaces/default/secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'late' } });
        await own.close();
      }
      await ends('late', id);
    });

    test("a node's clock that is ahead, by which a pod is not Ready for long enough", async () => {
      const { strategy, ...slow } = { strategy: patient, replicas: 1, minReadySeconds: 20 };
      const workload = await begun('ahead', { strategy, replicas: 1 });
      expectStatus(await world.tenant.rest('POST', '/v1/templates/ahead/revisions', webDocument({ strategy, ...slow })), 201);
      const id = await roll(workload);
      const recorders = world.recorders.map((recorder) => ({ recorder, namespace: 'default' }));
      for (const { recorder } of recorders) await recorder.until(() => recorder.readyPods('ahead') === 2, 'the new pod is Ready');
      await setReadySince(recorders[0]!, 'ahead', BETTER, new Date(Date.now() + 3_600_000));
      expect(await shown(id)).toMatchObject({ code: 'ClockAhead', data: { severity: 'SLOW', blames: 'CLUSTER' } });
      expect((await shown(id)).message).toMatch(/^The pod is Ready, but by the clock of node \S+, which is 3[56]\d\d s ahead/);
      for (const one of recorders) await setReadySince(one, 'ahead', BETTER, new Date(Date.now() - 60_000));
      const rollout = await settled(world, id);
      expect(rollout).toMatchObject({ phase: 'SUCCEEDED', failure: null });
      expect(targetOf(rollout)).toMatchObject({ condition: null, conditions: [] });
    });

    test('a permission that comes and goes', async () => {
      const workload = await begun('allowed');
      first.setFaults({ deniedVerbs: [{ verb: 'patch', resource: 'deployments' }] });
      const id = await roll(workload);
      expect(await shown(id)).toMatchObject({
        code: 'FORBIDDEN',
        message: 'The credential may not patch deployments in apps in namespace default.',
        data: { severity: 'TRANSIENT', blames: 'CLUSTER' },
      });
      expect(targetOf(await rolloutOf(world, id)).phaseReason).toMatch(/^FORBIDDEN: .* Retrying\.$/);
      first.clearFaults();
      await ends('allowed', id);
    });
  });

  describe('takes everything back once it has lasted for its grace', () => {
    const goesBack = async (workload: string, id: string, failure: object): Promise<RolloutView> => {
      const rollout = await settled(world, id);
      expect(rollout).toMatchObject({ phase: 'ROLLED_BACK', failure: { cluster: first.name, ...failure } });
      expect(running(world, workload)).toEqual(Array(2).fill(`${GOOD} x4`));
      return rollout;
    };

    test('a registry that stays away', async () => {
      const workload = await begun('away');
      first.setFaults({ pullErrors: [{ image: BETTER, message: 'dial tcp: i/o timeout' }] });
      const reason: unknown = expect.stringMatching(/^(ErrImagePull|ImagePullBackOff)$/);
      await goesBack('away', await roll(workload, hasty), { reason, severity: 'TRANSIENT', blames: 'PLATFORM' });
    });

    test('a permission that is missing, before anything is written there', async () => {
      const workload = await begun('refused');
      first.setFaults({ deniedVerbs: [{ verb: 'patch', resource: 'deployments' }] });
      const id = await roll(workload, hasty);
      const rollout = await goesBack('refused', id, { reason: 'FORBIDDEN', severity: 'TRANSIENT', blames: 'CLUSTER' });
      expect(targetOf(rollout).phase).toBe('FAILED');
    });

    test('pods that the kubelet rejects, one after the other', async () => {
      const workload = await begun('rejected');
      first.setFaults({ behaviours: [{ image: BETTER, behaviour: 'rejected' }] });
      const rollout = await goesBack('rejected', await roll(workload, hasty), {
        reason: 'UnexpectedAdmissionError',
        severity: 'TRANSIENT',
        blames: 'CLUSTER',
      });
      expect(rollout.failure?.message).toMatch(/^\d+ pods ended so, the last one on node cluster-1-node-\d: Pod was rejected: /);
      expect(rollout.failure?.pod).toMatch(/^rejected-/);
    });
  });

  describe('that no status tells of', () => {
    const deadline = { ...patient, progressDeadlineSeconds: 13 };

    test.each([
      ['sandbox-error', 'FailedCreatePodSandBox', 'Failed to create pod sandbox'],
      ['attach-error', 'FailedAttachVolume', 'Multi-Attach error for volume "data"'],
    ])('is found in the events of the pod (%s)', async (behaviour, code, message) => {
      const workload = await begun(behaviour);
      first.setFaults({ behaviours: [{ image: BETTER, behaviour }] });
      const id = await roll(workload, deadline);
      expect(await shown(id)).toMatchObject({
        code,
        message: expect.stringContaining(message) as string,
        data: { severity: 'SLOW', blames: 'CLUSTER', pod: expect.stringMatching(/^\w+-error-/) as string },
      });
      const rollout = await settled(world, id);
      expect(rollout).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'PROGRESS_DEADLINE', blames: 'CLUSTER' } });
      expect(rollout.failure?.message).toContain(`${code}: ${message}`);
    });

    test('is not, where the credential may not read events: the cluster says so, and the rollout goes on', async () => {
      const workload = await begun('eventless');
      const behaviours = [{ image: BETTER, behaviour: 'sandbox-error' }];
      first.setFaults({ behaviours, deniedVerbs: [{ verb: 'list', resource: 'events' }] });
      const { status, statusReason } = expectStatus(
        await world.tenant.rest<{ status: string; statusReason: string }>('POST', `/v1/clusters/${first.name}/check`),
        200,
      );
      expect(status).toBe('CONNECTED');
      expect(statusReason).toMatch(/^The credential may not list events in namespace default\. So what keeps a pod from starting/);
      const rollout = await settled(world, await roll(workload, deadline));
      expect(rollout).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'PROGRESS_DEADLINE' } });
      expect(rollout.failure?.message).toContain('ContainersNotReady: containers with unready status: [web].');
    });
  });

  test.each([
    ['init-hangs', 'InitContainerRunning', 'migrate'],
    ['sidecar-hangs', 'SidecarNotStarted', 'proxy'],
  ])('names what does not get on before the application, with its log (%s)', async (behaviour, code, name) => {
    const initContainers = [
      { name: 'migrate', image: 'registry.example/migrate:1' },
      { name: 'proxy', image: 'registry.example/proxy:1', restartPolicy: 'Always' },
    ];
    const workload = await begun(behaviour, {
      pod: { spec: { initContainers, containers: [{ name: 'web', image: '${{ params.image }}' }] } },
    });
    const image = name === 'migrate' ? 'migrate:1' : 'proxy:1';
    first.setFaults({ behaviours: [{ image, behaviour }] });
    const id = await roll(workload, { ...hasty, progressDeadlineSeconds: 6 });
    expect(await shown(id)).toMatchObject({ code, data: { severity: 'SLOW', blames: 'RELEASE', container: name } });
    const rollout = await settled(world, id);
    expect(rollout).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'PROGRESS_DEADLINE', container: name } });
    expect(rollout.failure?.message).toContain(`${code}: The `);
    expect(rollout.failure?.logTail).toContain(`${name}: starting`);
  });

  test('is no younger for another worker', async () => {
    const workload = await begun('handed');
    first.setFaults({ pullErrors: [{ image: BETTER, message: BUSY }] });
    const id = await roll(workload);
    const { since } = await shown(id);
    await world.workers.splice(0, 1)[0]?.close();
    await world.startWorker();
    await expect.poll(async () => (await rolloutOf(world, id)).targets.filter(({ phase }) => phase === 'SUCCEEDED').length).toBe(1);
    expect(await shown(id)).toMatchObject({ since });
    first.clearFaults();
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
