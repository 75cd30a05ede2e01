import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployment, pods, startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const events = '/api/v1/namespaces/default/events';

describe('pods', () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.stop());

  const template = (spec: object, annotations: object = {}) => ({
    template: { metadata: { labels: { app: 'web' }, annotations }, spec: { containers: [{ name: 'web', image: 'a:1' }], ...spec } },
  });
  const first = async (): Promise<any> => (await world.client.get(pods)).items[0];
  const waiting = (status: any): string | undefined => status?.state.waiting?.reason;

  it('become Ready between 0.7 and 1.5 seconds after they were made', async () => {
    await world.client.apply('/apis/apps/v1/namespaces/default/deployments/web', deployment(1, { replicas: 20 }));
    world.clock.advance(650);
    expect(await world.ready()).toBe(0);
    world.clock.advance(450);
    const half = await world.ready();
    expect(half).toBeGreaterThan(2);
    expect(half).toBeLessThan(18);
    world.clock.advance(500);
    expect(await world.ready()).toBe(20);
  });

  it('are spread over the nodes, and go by the node selector', async () => {
    await world.deploy(1, { replicas: 9 });
    const nodes = (await world.client.get(pods)).items.map((pod: any) => pod.spec.nodeName);
    expect(new Set(nodes).size).toBe(3);
    await world.deploy(2, { replicas: 9, ...template({ nodeSelector: { disk: 'ssd' } }) });
    const stuck = (await world.client.get(pods)).items.find((pod: any) => pod.spec.nodeSelector);
    expect(stuck.status.conditions).toMatchObject([
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'Unschedulable',
        message: "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
      },
    ]);
  });

  it('run init containers in order, leave sidecars running, and count them as ready', async () => {
    const initContainers = [
      { name: 'migrate', image: 'm:1' },
      { name: 'logs', image: 'l:1', restartPolicy: 'Always' },
      { name: 'warm', image: 'w:1' },
    ];
    await world.deploy(1, template({ initContainers }), 0);
    const seen: string[] = [];
    for (let step = 0; step < 200; step++) {
      world.clock.advance(10);
      const pod = await first();
      const states = pod?.status.initContainerStatuses?.map(({ name, state }: any) => `${name} ${Object.keys(state)[0]}`).join(', ');
      if (states && states !== seen.at(-1)) seen.push(states);
    }
    expect(seen).toEqual([
      'migrate waiting, logs waiting, warm waiting',
      'migrate running, logs waiting, warm waiting',
      ...(seen.includes('migrate terminated, logs running, warm waiting') ? ['migrate terminated, logs running, warm waiting'] : []),
      'migrate terminated, logs running, warm running',
      'migrate terminated, logs running, warm terminated',
    ]);
    expect(await first()).toMatchObject({
      status: { phase: 'Running', containerStatuses: [{ name: 'web', ready: true, started: true, restartCount: 0 }] },
    });
  });

  it('cannot pull from a host under .invalid, and say so as a kubelet does', async () => {
    await world.deploy('registry.invalid/shop/web:3.0', { replicas: 1 }, 30);
    const pod = await first();
    expect(pod.status.phase).toBe('Pending');
    expect(waiting(pod.status.containerStatuses[0])).toBe('ImagePullBackOff');
    expect(pod.status.containerStatuses[0].state.waiting.message).toContain(
      'Back-off pulling image "registry.invalid/shop/web:3.0": ErrImagePull',
    );
    const reasons = (await world.client.get(events)).items.map((event: any) => event.reason);
    expect(reasons).toEqual(expect.arrayContaining(['Failed', 'BackOff', 'SuccessfulCreate', 'ScalingReplicaSet']));
    const log = await world.client.request('GET', `${pods}/${pod.metadata.name}/log`);
    expect(log).toMatchObject({
      code: 400,
      body: { message: `container "web" in pod "${pod.metadata.name}" is waiting to start: trying and failing to pull image` },
    });
  });

  it('cannot pull what has the tag `missing`, since no registry has it', async () => {
    await world.deploy('shop/web:missing', { replicas: 1 }, 30);
    expect((await first()).status.containerStatuses[0].state.waiting.message).toMatch(/shop\/web:missing: not found$/);
  });

  it('crash in a loop when asked to, and leave a log behind', async () => {
    await world.deploy(1, template({}, { 'simulation/behaviour': 'crash-loop' }), 8);
    const pod = await first();
    const [status] = pod.status.containerStatuses;
    expect(status.restartCount).toBeGreaterThanOrEqual(3);
    expect(waiting(status)).toBe('CrashLoopBackOff');
    expect(status.lastState.terminated).toMatchObject({ exitCode: 1, reason: 'Error' });
    expect(await world.ready()).toBe(0);
    const log = await world.client.request('GET', `${pods}/${pod.metadata.name}/log?container=web&previous=true&tailLines=1`);
    expect(log.text).toBe('fatal: the database cannot be reached, giving up\n');
  });

  it.each([
    ['never-ready', 'Running', undefined],
    ['image-pull-error', 'Pending', 'ImagePullBackOff'],
    ['config-error', 'Pending', 'CreateContainerConfigError'],
    ['create-error', 'Pending', 'CreateContainerError'],
    ['sandbox-error', 'Pending', 'ContainerCreating'],
    ['attach-error', 'Pending', 'ContainerCreating'],
  ])('behave as %s when asked to', async (behaviour, phase, reason) => {
    await world.deploy(1, template({}, { 'simulation/behaviour': behaviour }), 10);
    const pod = await first();
    expect(pod.status.phase).toBe(phase);
    expect(waiting(pod.status.containerStatuses[0])).toBe(reason);
    expect(await world.ready()).toBe(0);
  });

  it.each([
    ['sandbox-error', 'FailedCreatePodSandBox'],
    ['attach-error', 'FailedAttachVolume'],
  ])('say in events alone what keeps them from starting (%s)', async (behaviour, reason) => {
    await world.deploy(1, template({}, { 'simulation/behaviour': behaviour }), 10);
    const { metadata } = await first();
    const about = (await world.client.get(events)).items.filter((event: any) => event.involvedObject.uid === metadata.uid);
    expect(about.map((event: any) => `${event.type} ${event.reason}`)).toContain(`Warning ${reason}`);
  });

  it('that the kubelet rejects end, and others are made in their place', async () => {
    await world.deploy(1, template({}, { 'simulation/behaviour': 'rejected' }), 3);
    const { items } = await world.client.get(pods);
    const ended = items.filter((pod: any) => pod.status.phase === 'Failed');
    expect(ended.length).toBeGreaterThan(3);
    expect(ended[0].status).toMatchObject({ reason: 'UnexpectedAdmissionError', message: expect.stringMatching(/^Pod was rejected: /) });
    expect(items.length - ended.length).toBe(1);
  });

  it.each([
    ['init-hangs', {}, { state: { running: expect.anything() }, ready: false, started: true }],
    ['sidecar-hangs', { restartPolicy: 'Always' }, { state: { running: expect.anything() }, ready: false, started: false }],
  ])('wait at what does not get on before them (%s), until it does', async (behaviour, container, status) => {
    const initContainers = [{ name: 'before', image: 'b:1', ...container }];
    await world.deploy(1, template({ initContainers }, { 'simulation/behaviour': behaviour }), 10);
    const pod = await first();
    expect(pod.status).toMatchObject({ phase: 'Pending', initContainerStatuses: [status] });
    expect(waiting(pod.status.containerStatuses[0])).toBe('PodInitializing');
    await world.client.merge(`${pods}/${pod.metadata.name}`, { metadata: { annotations: { 'simulation/behaviour': null } } });
    world.clock.advance(3_000);
    expect(await world.ready()).toBe(1);
  });

  it('wait at an init container that fails', async () => {
    await world.deploy(1, template({ initContainers: [{ name: 'migrate', image: 'm:1' }] }, { 'simulation/behaviour': 'init-error' }), 3);
    const { status } = await first();
    expect(status.initContainerStatuses[0].lastState.terminated.exitCode).toBe(1);
    expect(waiting(status.containerStatuses[0])).toBe('PodInitializing');
    expect(status.phase).toBe('Pending');
  });

  it('heal when what broke them is taken away', async () => {
    await world.deploy(1, template({}, { 'simulation/behaviour': 'never-ready' }), 10);
    const { metadata } = await first();
    await world.client.merge(`${pods}/${metadata.name}`, { metadata: { annotations: { 'simulation/behaviour': null } } });
    world.clock.advance(2_000);
    expect(await world.ready()).toBe(1);
  });

  it('wait for a ConfigMap that is not there, and start once it is', async () => {
    await world.deploy(1, template({ volumes: [{ name: 'c', configMap: { name: 'late' } }] }), 10);
    expect(waiting((await first()).status.containerStatuses[0])).toBe('ContainerCreating');
    await world.client.create('/api/v1/namespaces/default/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' } });
    world.clock.advance(5_000);
    expect(await world.ready()).toBe(1);
  });

  it('stay for a moment after their deletion, out of the endpoints, and are then gone', async () => {
    await world.client.apply('/api/v1/namespaces/default/services/web', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    });
    await world.deploy(1, {
      replicas: 2,
      ...template({ containers: [{ name: 'web', image: 'a:1', ports: [{ name: 'http', containerPort: 8080 }] }] }),
    });
    const ready = async (): Promise<string[]> =>
      (await world.client.get(slices)).items.flatMap((slice: any) =>
        slice.endpoints.filter((one: any) => one.conditions.ready).map((one: any) => one.targetRef.name),
      );
    expect((await world.client.get(slices)).items[0]).toMatchObject({
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      metadata: { labels: { 'kubernetes.io/service-name': 'web' } },
    });
    const { metadata } = await first();
    expect(await ready()).toContain(metadata.name);
    const marked = await world.client.remove(`${pods}/${metadata.name}`);
    expect(marked.body.metadata).toMatchObject({ deletionGracePeriodSeconds: 30 });
    world.clock.advance(60);
    expect(await ready()).not.toContain(metadata.name);
    expect((await world.client.request('GET', `${pods}/${metadata.name}`)).code).toBe(200);
    world.clock.advance(1_500);
    expect((await world.client.request('GET', `${pods}/${metadata.name}`)).code).toBe(404);
    world.clock.advance(2_000);
    expect(await ready()).toHaveLength(2);
  });
});
