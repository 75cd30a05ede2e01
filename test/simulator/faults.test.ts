import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSimulator } from '../../simulator/simulator.ts';
import type { SimulatedCluster, Simulator } from '../../simulator/simulator.ts';
import { connect } from './support/client.ts';
import type { Client } from './support/client.ts';
import { deployment, deployments, pods, startWorld, web } from './support/world.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });

describe('faults', () => {
  let simulator: Simulator;
  let broken: SimulatedCluster;
  let client: Client;
  let other: Client;

  beforeEach(async () => {
    simulator = await startSimulator({ names: ['broken', 'whole'], podStartMilliseconds: [20, 40], podStopMilliseconds: [5, 10] });
    const [first, second] = simulator.clusters;
    if (!first || !second) throw new Error('two clusters were asked for');
    broken = first;
    client = connect(first);
    other = connect(second);
    // A new cluster's namespaces are given this ConfigMap a moment later: from here on nobody but the test writes any.
    for (const one of [client, other]) {
      const watch = one.watch(`${configMaps}?watch=1&fieldSelector=metadata.name=kube-root-ca.crt`);
      await watch.next();
      await watch.return(undefined);
    }
  });
  afterEach(async () => {
    await client.close();
    await other.close();
    await simulator.stop();
  });

  const answersSoon = (answer: Promise<unknown>, milliseconds = 150): Promise<boolean> =>
    Promise.race([
      answer.then(
        () => true,
        () => true,
      ),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), milliseconds)),
    ]);

  it('throttle with Retry-After, on one cluster alone', async () => {
    broken.setFaults({ throttleProbability: 1, retryAfterSeconds: 7 });
    expect(await client.request('GET', configMaps)).toMatchObject({
      code: 429,
      headers: { 'retry-after': '7' },
      body: { reason: 'TooManyRequests' },
    });
    expect((await other.request('GET', configMaps)).code).toBe(200);
  });

  it('answer with a server error', async () => {
    broken.setFaults({ errorProbability: 1, errorCode: 503 });
    expect(await client.request('GET', configMaps)).toMatchObject({ code: 503, body: { kind: 'Status', reason: 'ServiceUnavailable' } });
  });

  it('strike only the methods that are named', async () => {
    broken.setFaults({ errorProbability: 1, errorCode: 500, methods: ['POST'] });
    expect((await client.request('GET', configMaps)).code).toBe(200);
    expect((await client.create(configMaps, configMap('a'))).code).toBe(500);
  });

  it('reset connections before anything is done', async () => {
    broken.setFaults({ resetProbability: 1 });
    await expect(client.create(configMaps, configMap('a'))).rejects.toThrow();
    broken.clearFaults();
    expect((await client.request('GET', `${configMaps}/a`)).code).toBe(404);
  });

  it('lose the reply of what has been done', async () => {
    broken.setFaults({ lostReplyProbability: 1, methods: ['POST'] });
    await expect(client.create(configMaps, configMap('a'))).rejects.toThrow();
    broken.clearFaults();
    expect((await client.request('GET', `${configMaps}/a`)).code).toBe(200);
  });

  it('delay answers', async () => {
    broken.setFaults({ latencyMilliseconds: 120, jitterMilliseconds: 10 });
    const begun = performance.now();
    await client.request('GET', configMaps);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(105);
  });

  it('cut a cluster off: requests hang, streams fall silent, and both come back when it heals', async () => {
    const { metadata } = await client.get(configMaps);
    const watch = client.watch(`${configMaps}?watch=1&resourceVersion=${metadata.resourceVersion}`);
    const first = watch.next();
    await client.create(configMaps, configMap('before'));
    expect((await first).value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'before' } } });
    broken.setFaults({ partition: 'hang' });
    const hanging = client.request('GET', configMaps);
    const silent = watch.next();
    expect(await answersSoon(hanging)).toBe(false);
    expect(await answersSoon(silent)).toBe(false);
    expect((await other.request('GET', configMaps)).code).toBe(200);
    broken.setFaults({ partition: null });
    await expect(hanging).rejects.toThrow();
    await client.create(configMaps, configMap('later'));
    expect((await silent).value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'later' } } });
  });

  it('refuse connections where a partition says so', async () => {
    broken.setFaults({ partition: 'refuse' });
    await expect(client.request('GET', configMaps)).rejects.toThrow();
  });

  it('let a token expire, and come back', async () => {
    broken.setFaults({ tokenExpired: true });
    expect(await client.request('GET', configMaps)).toMatchObject({
      code: 401,
      body: { kind: 'Status', reason: 'Unauthorized', message: 'Unauthorized' },
    });
    broken.clearFaults();
    expect((await client.request('GET', configMaps)).code).toBe(200);
    const stranger = connect({ ...broken, token: 'nobody' });
    expect((await stranger.request('GET', configMaps)).code).toBe(401);
    await stranger.close();
  });

  it('deny verbs in the words of the API server', async () => {
    broken.setFaults({
      deniedVerbs: [
        { verb: 'list', resource: 'configmaps' },
        { verb: 'patch', resource: 'deployments/scale', namespace: 'default' },
      ],
    });
    expect(await client.request('GET', configMaps)).toMatchObject({
      code: 403,
      body: {
        message:
          'configmaps is forbidden: User "broken-admin" cannot list resource "configmaps" in API group "" in the namespace "default"',
      },
    });
    await client.create(deployments, deployment(1));
    expect((await client.merge(`${web}/scale`, { spec: { replicas: 2 } })).body.message).toBe(
      'deployments.apps "web" is forbidden: User "broken-admin" cannot patch resource "deployments/scale" in API group "apps" in the namespace "default"',
    );
    expect((await client.merge(web, { spec: { replicas: 2 } })).code).toBe(200);
  });

  it('deny objects at admission, which a ReplicaSet reports', async () => {
    broken.setFaults({ admissionDenials: [{ kind: 'Pod', pattern: 'example/web:1', message: 'the image is not signed' }] });
    await client.create(deployments, deployment(1));
    for await (const { object } of client.watch(`${deployments}?watch=1`)) {
      const failure = object.status.conditions?.find((one: any) => one.type === 'ReplicaFailure');
      if (!failure) continue;
      expect(failure.message).toContain('admission webhook "policy.simulator.invalid" denied the request: the image is not signed');
      break;
    }
  });

  it('drop watches, and forget what was before', async () => {
    // Of a kind that no controller writes here: a new namespace's ConfigMap may still be on its way.
    const pods = '/api/v1/namespaces/default/pods';
    const { metadata } = await client.get(pods);
    const path = `${pods}?watch=1&resourceVersion=${metadata.resourceVersion}`;
    // Only an open watch can be dropped, and how soon this one is open depends on the machine: until it ends, whatever is open is dropped.
    const endBy = async (end: () => void, watch: Promise<unknown>): Promise<void> => {
      do end();
      while (!(await answersSoon(watch, 20)));
    };
    const cut = client.watch(path).next();
    await endBy(() => broken.dropWatches(), cut);
    await expect(cut).rejects.toThrow();
    const expired = client.watch(path).next();
    await endBy(() => broken.expireWatches(), expired);
    expect((await expired).value).toMatchObject({ type: 'ERROR', object: { code: 410 } });
  });

  it('are posted, shown and taken back over HTTP, for one cluster or for all', async () => {
    const send = async (method: string, path: string, body?: unknown): Promise<{ code: number; body: any }> => {
      const answer = await request(simulator.faultUrl + path, { method, body: body === undefined ? null : JSON.stringify(body) });
      return { code: answer.statusCode, body: await answer.body.json() };
    };
    expect(await send('POST', '/clusters/broken/faults', { latencyMilliseconds: 5 })).toEqual({
      code: 200,
      body: { broken: { latencyMilliseconds: 5 } },
    });
    expect((await send('POST', '/clusters/*/faults', { tokenExpired: true })).body).toEqual({
      broken: { latencyMilliseconds: 5, tokenExpired: true },
      whole: { tokenExpired: true },
    });
    expect((await client.request('GET', configMaps)).code).toBe(401);
    expect((await send('DELETE', '/clusters/*/faults')).body).toEqual({ broken: {}, whole: {} });
    expect((await client.request('GET', configMaps)).code).toBe(200);
    expect(await send('POST', '/clusters/broken/faults', { latnecy: 5 })).toMatchObject({ code: 400 });
    expect(await send('POST', '/clusters/broken/faults', { unpullableImages: ['('] })).toMatchObject({ code: 400 });
    expect(await send('GET', '/clusters/nowhere/faults')).toMatchObject({ code: 404 });
    expect(await send('POST', '/clusters/broken/drop-watches')).toMatchObject({ code: 200 });
  });
});

describe('faults of images', () => {
  it('make an image unpullable and pullable again', async () => {
    const world = await startWorld();
    world.cluster.setFaults({ unpullableImages: ['web:2$'] });
    await world.deploy(1, { replicas: 1 });
    await world.deploy(2, { replicas: 1 });
    expect(await world.split()).toEqual({ 1: 1, 2: 1 });
    expect(
      (await world.client.get(pods)).items
        .flatMap((pod: any) => pod.status.containerStatuses)
        .some((one: any) => one.state.waiting?.reason === 'ImagePullBackOff'),
    ).toBe(true);
    world.cluster.clearFaults();
    world.clock.advance(10_000);
    expect(await world.split()).toEqual({ 2: 1 });
    expect(await world.ready()).toBe(1);
    await world.stop();
  });

  it('make pulls fail on one node, in the words of a registry', async () => {
    const world = await startWorld();
    const message = 'unexpected status code: 429 Too Many Requests';
    const node = `${world.cluster.name}-node-2`;
    world.cluster.setFaults({ pullErrors: [{ image: 'web:1', node, message }] });
    await world.deploy(1, { replicas: 3 }, 5);
    expect(await world.ready()).toBe(2);
    const stuck = (await world.client.get(pods)).items.find((pod: any) => pod.spec.nodeName === node);
    expect(stuck.status.containerStatuses[0].state.waiting.message).toContain(message);
    world.cluster.clearFaults();
    world.clock.advance(2_000);
    expect(await world.ready()).toBe(3);
    await world.stop();
  });

  it('make a webhook not answer: requests fail, and a ReplicaSet reports it and goes on trying', async () => {
    const world = await startWorld();
    world.cluster.setFaults({ admissionOutages: [{ kind: 'Pod', pattern: 'web:1' }] });
    await world.deploy(1, {}, 3);
    expect((await world.setOf(1)).status.conditions).toMatchObject([
      { type: 'ReplicaFailure', message: expect.stringMatching(/^Internal error occurred: failed calling webhook/) },
    ]);
    world.cluster.setFaults({ admissionOutages: [{ kind: 'Deployment', pattern: 'web:2' }] });
    expect((await world.client.apply(web, deployment(2), 'tester', '&force=true')).code).toBe(500);
    world.cluster.clearFaults();
    world.clock.advance(60_000);
    expect(await world.ready()).toBe(1);
    await world.stop();
  });

  it('make pods that run already behave', async () => {
    const world = await startWorld();
    await world.deploy(1, { replicas: 2 });
    expect(await world.ready()).toBe(2);
    world.cluster.setFaults({ behaviours: [{ image: 'web:1', behaviour: 'never-ready' }] });
    world.clock.advance(2_000);
    expect(await world.ready()).toBe(0);
    world.cluster.clearFaults();
    world.clock.advance(2_000);
    expect(await world.ready()).toBe(2);
    await world.stop();
  });

  it('make images behave', async () => {
    const world = await startWorld();
    world.cluster.setFaults({ behaviours: [{ image: ':2$', behaviour: 'never-ready' }] });
    await world.deploy(2, { replicas: 2 });
    expect(await world.ready()).toBe(0);
    await world.deploy(3, { replicas: 2 });
    expect(await world.ready()).toBe(2);
    await world.stop();
  });
});
