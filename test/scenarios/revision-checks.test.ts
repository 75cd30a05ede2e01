import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Client } from '../kubernetes/control-plane/client.ts';
import type { Answer } from '../support/api.ts';
import { expectStatus } from '../support/api.ts';
import { onConnection } from '../support/database.ts';
import { GOOD, startWorld, webDocument } from '../support/world.ts';
import type { World } from '../support/world.ts';

interface Check {
  cluster: { name: string };
  namespace: string | null;
  workload: { name: string } | null;
  version: string | null;
  state: string;
  findings: { kind: string; pointer: string; detail: string }[];
  checkedAt: string | null;
}
interface Revision {
  id: string;
  number: number;
  checks: Check[];
}

const wait = { prefer: 'wait=20' };
const image = { image: { type: 'string', default: GOOD } };
const valid = (change: object = {}) => webDocument({ parameters: image, ...change });

describe('clusters judge a revision that is posted', () => {
  let world: World;
  let made = 0;

  beforeAll(async () => {
    world = await startWorld({ clusters: 2, regions: ['eu'] });
    const connected = async () => {
      const { items } = expectStatus(await world.tenant.rest<{ items: { status: string }[] }>('GET', '/v1/clusters'), 200);
      return items.every(({ status }) => status === 'CONNECTED');
    };
    await vi.waitUntil(connected, { timeout: 20_000, interval: 50 });
  });
  afterAll(() => world.close());

  /** A template with a workload of these values on both clusters, or with none. */
  async function template(values: Record<string, unknown> | null): Promise<string> {
    const name = `checked-${++made}`;
    expectStatus(await world.tenant.rest('POST', '/v1/templates', { name }), 201);
    if (!values) return name;
    const placements = [
      { cluster: 'cluster-1', namespace: 'default' },
      { cluster: 'cluster-2', namespace: 'default' },
    ];
    expectStatus(await world.tenant.rest('POST', '/v1/workloads', { name, template: name, values, placements }), 201);
    return name;
  }
  const post = (name: string, document: unknown, query = '', headers: Record<string, string> = wait): Promise<Answer<Revision>> =>
    world.tenant.rest<Revision>('POST', `/v1/templates/${name}/revisions${query}`, document, headers);
  const checksOf = async (...parameters: Parameters<typeof post>): Promise<Check[]> => expectStatus(await post(...parameters), 201).checks;

  test('one that they accept has passed, with its default values and those of its workloads', async () => {
    const name = await template({ image: 'shop/other:1' });
    const answer = await post(name, valid());
    expect(expectStatus(answer, 201).checks).toEqual([
      {
        ...{ cluster: expect.objectContaining({ name: 'cluster-1' }), namespace: 'default', workload: null, state: 'PASSED', findings: [] },
        ...{ version: expect.stringMatching(/^v1\.\d+\.\d+/), checkedAt: expect.any(String) },
      },
      expect.objectContaining({ workload: expect.objectContaining({ name }), state: 'PASSED' }),
    ]);
    expect(answer.headers.get('preference-applied')).toBe('wait=20');
    const [cluster] = world.clusters;
    const client = new Client({ ...cluster!, token: cluster!.token });
    expect((await client.request<{ items: object[] }>('GET', '/apis/apps/v1/deployments')).items).toEqual([]);
    await client.close();
  });

  test('one that they refuse has failed, with the places that they blame', async () => {
    const name = await template({ port: 'HTTP' });
    const document = valid({
      parameters: { ...image, port: { type: 'string', default: 'http' } },
      pod: {
        spec: {
          containers: [{ name: 'web', image: '${{ params.image }}', ports: [{ name: '${{ params.port }}', containerPort: 8080 }] }],
        },
      },
      service: { ports: [{ port: 80 }, { port: 81, name: 'b' }] },
    });
    const [byDefault, ofWorkload] = await checksOf(name, document);
    const service = { kind: 'FAULT', pointer: '/service/ports/0/name', detail: 'Required value' };
    expect(byDefault).toMatchObject({ workload: null, state: 'FAILED', findings: [service] });
    expect(ofWorkload).toMatchObject({ workload: { name }, state: 'FAILED' });
    expect(ofWorkload?.findings.map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining(['/pod/spec/containers/0/ports/0/name', '/service/ports/0/name']),
    );
  });

  test('without waiting the answer comes at once, and the checks later', async () => {
    const name = await template({});
    const started = expectStatus(await post(name, valid(), '', {}), 201);
    expect(started.checks).toMatchObject([{ state: 'PENDING', findings: [], checkedAt: null }]);
    const read = async () =>
      expectStatus(await world.tenant.rest<Revision>('GET', `/v1/templates/${name}/revisions/${started.number}`), 200);
    await vi.waitUntil(async () => (await read()).checks[0]?.state === 'PASSED', { timeout: 10_000, interval: 50 });
    const { items } = expectStatus(await world.tenant.rest<{ items: Revision[] }>('GET', `/v1/templates/${name}/revisions`), 200);
    expect(items.map(({ checks }) => checks.map(({ state }) => state))).toEqual([['PASSED']]);
  });

  test('by GraphQL it is the same', async () => {
    const name = await template(null);
    const mutation = `mutation ($template: String!, $document: JSON!, $check: CheckPlace) {
      createRevision(template: $template, document: $document, check: $check, waitSeconds: 20) { checks { cluster { name } namespace state findings { kind pointer } } }
    }`;
    const document = valid({ service: {} });
    const check = { cluster: 'cluster-2', namespace: 'default' };
    expect(await world.tenant.graphql(mutation, { template: name, document, check })).toMatchObject({
      data: {
        createRevision: {
          checks: [
            {
              cluster: { name: 'cluster-2' },
              namespace: 'default',
              state: 'FAILED',
              findings: [{ kind: 'FAULT', pointer: '/service/ports' }],
            },
          ],
        },
      },
    });
    const nowhere = await world.tenant.graphql(mutation, { template: name, document, check: { ...check, cluster: 'nowhere' } });
    expect(nowhere.errors[0]?.extensions).toMatchObject({ code: 'INVALID', errors: [{ pointer: '/check/cluster' }] });
  });

  test('without a placement nothing is known, unless the request names a place', async () => {
    const name = await template(null);
    expect(await checksOf(name, valid())).toMatchObject([
      { cluster: { name: 'cluster-1' }, namespace: null, state: 'UNKNOWN', findings: [{ kind: 'CLUSTER', pointer: '' }] },
    ]);
    const again = await post(name, valid(), '?check=cluster-2/default');
    expect([again.status, again.body.checks]).toMatchObject([200, [{ cluster: { name: 'cluster-2' }, state: 'PASSED' }]]);
    const wrong = async (check: string) => {
      const answer = await post(name, valid(), `?check=${check}`);
      return [answer.status, (answer.body as unknown as { errors: unknown[] }).errors];
    };
    expect(await wrong('cluster-9/default')).toMatchObject([422, [{ parameter: 'check', detail: 'there is no cluster cluster-9' }]]);
    expect(await wrong('cluster-1')).toMatchObject([422, [{ parameter: 'check' }]]);
    expect(await wrong('cluster-1/No_Namespace')).toMatchObject([422, [{ parameter: 'check' }]]);
  });

  test('a parameter without a value is named', async () => {
    const name = await template({});
    expect(await checksOf(name, webDocument())).toMatchObject([
      { workload: { name }, state: 'UNKNOWN', findings: [{ kind: 'CLUSTER', pointer: '/parameters/image' }] },
    ]);
  });

  test('so is one with a value that its place does not take', async () => {
    const name = await template({ image: 'x', port: 2 ** 40 });
    const parameters = { image: { type: 'string' }, port: { type: 'integer', default: 80 } };
    const pod = { spec: { containers: [{ name: 'web', image: '${{ params.image }}', ports: [{ containerPort: '${{ params.port }}' }] }] } };
    const checks = await checksOf(name, { parameters, pod });
    expect(checks.find(({ workload }) => workload !== null)).toMatchObject({
      state: 'FAILED',
      findings: [
        { kind: 'FAULT', pointer: '/parameters/port', detail: expect.stringContaining('/pod/spec/containers/0/ports/0/containerPort') },
      ],
    });
  });

  test('Secrets are not checked, which is noted', async () => {
    const name = await template({});
    const variable = { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'database', key: 'password' } } };
    const pod = { spec: { imagePullSecrets: [{ name: 'pull' }], containers: [{ name: 'web', image: 'x', env: [variable] }] } };
    expect(await checksOf(name, { pod })).toMatchObject([
      {
        state: 'PASSED',
        findings: [
          { kind: 'NOTE', pointer: '/pod/spec/containers/0/env/0/valueFrom/secretKeyRef/name' },
          { kind: 'NOTE', pointer: '/pod/spec/imagePullSecrets/0/name' },
        ],
      },
    ]);
  });

  test.each<[string, () => Promise<void> | void, () => Promise<void> | void, RegExp]>([
    ['does not answer', () => fault({ partition: 'refuse' }), () => world.clusters[0]!.clearFaults(), /unreachable/],
    ['does not know us any more', () => fault({ tokenExpired: true }), () => world.clusters[0]!.clearFaults(), /./],
  ])('a cluster that %s says nothing about the document', async (_, begin, end, words) => {
    const name = await template(null);
    await begin();
    const checks = await checksOf(name, valid({ service: {} }), '?check=cluster-1/default');
    await end();
    expect(checks).toMatchObject([
      { state: 'UNKNOWN', findings: [{ kind: 'CLUSTER', pointer: '', detail: expect.stringMatching(words) }] },
    ]);
  });
  const fault = (faults: object): void => world.clusters[0]!.setFaults(faults);

  test('nor does one without the namespace', async () => {
    const name = await template(null);
    const checks = await checksOf(name, valid({ service: {} }), '?check=cluster-1/nowhere');
    expect(checks).toMatchObject([
      { state: 'UNKNOWN', findings: [{ kind: 'CLUSTER', pointer: '', detail: expect.stringContaining('nowhere') }] },
    ]);
  });

  test('a worker that never answers is said, and its check is no longer pending', async () => {
    const name = await template(null);
    const { id, number } = expectStatus(await post(name, valid(), '?check=cluster-1/default'), 201);
    const since = "created_at = now() - interval '76 seconds', state = 'PENDING', settled_at = NULL, findings = '[]'";
    await onConnection(world.api.database.ownerUrl, (client) =>
      client.query(`UPDATE revision_checks SET ${since} WHERE revision_id = $1`, [id]),
    );
    const read = await world.tenant.rest<Revision>('GET', `/v1/templates/${name}/revisions/${number}`);
    expect(read.body.checks).toMatchObject([
      { state: 'UNKNOWN', findings: [{ kind: 'CLUSTER', detail: expect.stringContaining('no worker has answered') }] },
    ]);
  });
});
