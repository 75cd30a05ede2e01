import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { parse, parseAllDocuments } from 'yaml';
import { Database } from '../../src/platform/db/database.ts';
import { Announce } from '../../src/platform/queue/announce.ts';
import { Seal } from '../../src/platform/crypto/seal.ts';
import { CredentialReader } from '../../src/clusters/credential.reader.ts';
import { SealError } from '../../src/platform/crypto/seal.ts';
import { CheckRepository } from '../../src/clusters/check/check.repository.ts';
import { InquiryRepository } from '../../src/clusters/inquiries/inquiry.repository.ts';
import { Connections } from '../../src/clusters/connections.ts';
import { connectCluster } from '../../src/clusters/kubernetes/client.ts';
import type { Lease } from '../../src/runtime/lease.ts';
import { Leases } from '../../src/runtime/leases.ts';
import { LeaseRows } from '../../src/runtime/work-rows.ts';
import { expectStatus, makeRegion, startTestApi, type Answer, type TestApi, type TestTenant } from '../support/api.ts';
import { makeAuthority } from './kubernetes/server.ts';

interface Cluster {
  id: string;
  name: string;
  region: { id: string; name: string };
  labels: Record<string, string>;
  server: string;
  status: string;
  statusReason: string | null;
  checkedAt: string | null;
  version: number;
}

let api: TestApi;
let tenant: TestTenant;
let ca: string;
const TOKEN = 'canary-token-0123456789-abcdefghij';

beforeAll(async () => {
  api = await startTestApi();
  tenant = await api.tenant('acme');
  for (const name of ['eu', 'us']) await makeRegion(api, name);
  ca = (await makeAuthority()).pem;
});
afterAll(() => api.close());

const connection = (more: object = {}): object => ({ server: 'https://127.0.0.1:6443', caData: ca, token: TOKEN, ...more });
const register = async (name: string, more: object = {}): Promise<Cluster> =>
  expectStatus(await tenant.rest<Cluster>('POST', '/v1/clusters', { name, region: 'eu', ...connection(), ...more }), 201);

const kubeconfig = (user: object = { token: TOKEN }, cluster: object = {}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [
      {
        name: 'k',
        cluster: { server: 'https://127.0.0.1:6443/path', 'certificate-authority-data': Buffer.from(ca).toString('base64'), ...cluster },
      },
    ],
    users: [{ name: 'u', user }],
  });

const rows = async <T extends object>(text: string, values: unknown[] = []): Promise<T[]> => {
  const client = new pg.Client({ connectionString: api.database.ownerUrl });
  await client.connect();
  const result = await client.query<T>(text, values);
  await client.end();
  return result.rows;
};

const faultsOf = (answer: Answer): { pointer?: string; parameter?: string; detail: string }[] =>
  (answer.body as { errors: { pointer: string; detail: string }[] }).errors;

describe('registering a cluster', () => {
  it('does not wait for it: the status is unknown, a check is due, and the event tells of it', async () => {
    const made = await register('first', { labels: { tier: 'prod' } });
    expect(made).toMatchObject({
      name: 'first',
      region: { name: 'eu' },
      labels: { tier: 'prod' },
      status: 'UNKNOWN',
      statusReason: null,
      checkedAt: null,
      server: 'https://127.0.0.1:6443',
    });
    expect(await rows("SELECT due_at <= now() AS due FROM work WHERE kind = 'clusters' AND id = $1", [made.id])).toEqual([{ due: true }]);
    const events = await tenant.rest<{ items: { type: string; message: string; data: object }[] }>(
      'GET',
      '/v1/events?type=cluster.registered',
    );
    expect(events.body.items[0]).toMatchObject({ message: 'Cluster first was registered in region eu.', data: { cluster: made.id } });
  });

  it('takes a kubeconfig', async () => {
    const made = expectStatus(
      await tenant.rest<Cluster>('POST', '/v1/clusters', { name: 'by-kubeconfig', region: 'us', kubeconfig: kubeconfig() }),
      201,
    );
    expect(made).toMatchObject({ server: 'https://127.0.0.1:6443/path', region: { name: 'us' } });
  });

  it.each([
    ['nothing to connect with', {}, '/kubeconfig'],
    ['both forms', { ...{ kubeconfig: 'x', server: 'https://127.0.0.1' } }, '/server'],
    ['half a form', { server: 'https://127.0.0.1' }, '/caData'],
  ])('is refused with %s', async (_, given, pointer) => {
    const answer = await tenant.rest('POST', '/v1/clusters', { name: 'x', region: 'eu', ...given });
    expect(answer.status).toBe(422);
    expect(faultsOf(answer).map((fault) => fault.pointer)).toContain(pointer);
  });

  it.each([
    ['exec', { exec: { command: 'sh', apiVersion: 'client.authentication.k8s.io/v1' } }, {}, 'exec'],
    ['an auth provider', { 'auth-provider': { name: 'gcp' } }, {}, 'auth-provider'],
    ['a file with a token', { tokenFile: '/etc/passwd' }, {}, 'tokenFile'],
    ['a file with an authority', { token: TOKEN }, { 'certificate-authority': '/etc/ssl/ca.pem' }, 'certificate-authority'],
    ['a proxy', { token: TOKEN }, { 'proxy-url': 'http://10.0.0.1' }, 'proxy-url'],
    ['TLS that is not checked', { token: TOKEN }, { 'insecure-skip-tls-verify': true }, 'insecure-skip-tls-verify'],
    ['another server name', { token: TOKEN }, { 'tls-server-name': 'evil' }, 'tls-server-name'],
    ['acting as somebody', { token: TOKEN, as: 'admin' }, {}, '/as'],
    ['http', { token: TOKEN }, { server: 'http://127.0.0.1' }, 'server'],
  ])('is refused with a kubeconfig with %s, which it names', async (_, user, cluster, field) => {
    const answer = await tenant.rest('POST', '/v1/clusters', { name: 'x', region: 'eu', kubeconfig: kubeconfig(user, cluster) });
    expect(answer.status).toBe(422);
    expect(faultsOf(answer).some(({ pointer }) => pointer?.startsWith('/kubeconfig') && pointer.endsWith(field.replace(/^\//, '')))).toBe(
      true,
    );
    expect(answer.text).not.toContain(TOKEN);
  });

  it.each([
    'https://169.254.169.254',
    'https://10.0.0.1:6443',
    'https://[::1]:6443',
    'https://192.168.1.1',
    'https://2130706433x.example:99999',
  ])('is refused at %s', async (server) => {
    const answer = await tenant.rest('POST', '/v1/clusters', { name: 'x', region: 'eu', ...connection({ server }) });
    expect(answer.status).toBe(422);
    expect(faultsOf(answer)[0]?.pointer).toBe('/server');
  });

  it('is refused in a region that is not there, at its pointer', async () => {
    const answer = await tenant.rest('POST', '/v1/clusters', { name: 'x', region: 'mars', ...connection() });
    expect([answer.status, faultsOf(answer)]).toEqual([422, [{ pointer: '/region', detail: 'is not a known region' }]]);
  });

  it('is refused under a name that is taken, and beyond the quota', async () => {
    await register('taken');
    expect((await tenant.rest('POST', '/v1/clusters', { name: 'taken', region: 'eu', ...connection() })).body).toMatchObject({
      code: 'NAME_TAKEN',
    });
    const small = await api.tenant('small');
    await api.operator.rest('PATCH', '/v1/tenants/small', { quotas: { clusters: 2 } });
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, i) => small.rest('POST', '/v1/clusters', { name: `c${i}`, region: 'eu', ...connection() })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409, 409, 409]);
    expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({ code: 'QUOTA_EXCEEDED' });
  });
});

describe('credentials', () => {
  const reader = (): CredentialReader => new CredentialReader(api.app.get(Database), api.app.get(Seal));
  const read = async (clusterId: string, tenantId = tenant.id): Promise<unknown> =>
    api.app.get(Database).as({ tenantId }, () => reader().get(clusterId));

  it('are nowhere in plain: not in the database, not in any answer', async () => {
    const made = await register('sealed');
    const dump = await rows<{ text: string }>(
      ['tenants', 'clusters', 'credentials', 'events', 'idempotency_keys']
        .map((table) => `SELECT row_to_json(x)::text AS text FROM ${table} x`)
        .join(' UNION ALL '),
    );
    const hex = Buffer.from(TOKEN).toString('hex');
    expect(dump.filter(({ text }) => text.includes(TOKEN) || text.includes(hex))).toEqual([]);
    for (const path of [`/v1/clusters/${made.id}`, '/v1/clusters?limit=200', '/v1/events'])
      expect((await tenant.rest('GET', path)).text).not.toContain(TOKEN);
  });

  it('are replaced: the old ones are gone, the version rises, and the cluster is to be checked', async () => {
    const made = await register('replaced');
    expect(await read(made.id)).toMatchObject({ version: 1, credential: { auth: { token: TOKEN } } });
    const answer = await tenant.rest<Cluster>('PUT', `/v1/clusters/${made.id}/credentials`, {
      ...connection({ token: 'another-token-0123456789-abcdef', server: 'https://127.0.0.1:7443' }),
    });
    expect(expectStatus(answer, 200)).toMatchObject({ server: 'https://127.0.0.1:7443', status: 'UNKNOWN', version: 2 });
    expect(await read(made.id)).toMatchObject({
      version: 2,
      credential: { server: 'https://127.0.0.1:7443', auth: { token: 'another-token-0123456789-abcdef' } },
    });
  });

  it('of one cluster put in the place of another do not open', async () => {
    const [one, two] = [await register('swap-one'), await register('swap-two')];
    await rows('UPDATE credentials a SET sealed = b.sealed FROM credentials b WHERE a.cluster_id = $1 AND b.cluster_id = $2', [
      one.id,
      two.id,
    ]);
    await expect(read(one.id)).rejects.toThrow(SealError);
    await expect(read(two.id)).resolves.toMatchObject({ version: 1 });
  });

  it('cannot be put where the master key is not the one used before, and whoever opens them is told so', async () => {
    const stranger = await api.tenant('sealed-elsewhere');
    const body = { name: 'old', region: 'eu', ...connection() };
    const made = expectStatus(await stranger.rest<Cluster>('POST', '/v1/clusters', body), 201);
    const dataKey = new Seal(randomBytes(32)).newDataKey(stranger.id);
    await rows('UPDATE tenants SET data_key_sealed = $2 WHERE id = $1', [stranger.id, dataKey]);

    const answers = [
      await stranger.rest('PUT', `/v1/clusters/${made.id}/credentials`, connection()),
      await stranger.rest('POST', '/v1/clusters', { ...body, name: 'new' }),
    ];

    for (const answer of answers)
      expect(expectStatus(answer, 503)).toMatchObject({
        code: 'UNAVAILABLE',
        detail:
          'Credentials cannot be stored: this Slipway runs with a different master key than before. Its operator must start it with the earlier key.',
      });
    expect(await rows('SELECT data_key_sealed AS key FROM tenants WHERE id = $1', [stranger.id])).toEqual([{ key: dataKey }]);
    const connections = new Connections(api.app.get(Database), reader(), new CheckRepository(api.app.get(Database)), connectCluster);
    await expect(connections.openNewest({ tenantId: stranger.id } as Lease, made.id)).rejects.toMatchObject({
      message: "The cluster's credentials cannot be opened with this installation's master key.",
      advice: 'Ask the operator to start Slipway with the SLIPWAY_MASTER_KEY that was used before.',
    });
  });

  it("of another tenant's cluster cannot be reached", async () => {
    const made = await register('private');
    const other = await api.tenant('other');
    expect(await read(made.id, other.id)).toBeNull();
  });
});

describe('clusters', () => {
  it('are listed by region, status and label', async () => {
    const lister = await api.tenant('lister');
    const make = async (name: string, region: string, labels: object): Promise<void> =>
      void expectStatus(await lister.rest('POST', '/v1/clusters', { name, region, labels, ...connection() }), 201);
    await make('a', 'eu', { tier: 'prod', zone: 'a' });
    await make('b', 'eu', { tier: 'test' });
    await make('c', 'us', { 'example.com/tier': 'prod' });
    const names = async (query: string): Promise<string[]> =>
      (await lister.rest<{ items: Cluster[] }>('GET', `/v1/clusters?${query}`)).body.items.map(({ name }) => name);
    expect(await names('')).toEqual(['c', 'b', 'a']);
    expect(await names('region=eu')).toEqual(['b', 'a']);
    expect(await names('region=eu,us')).toEqual(['c', 'b', 'a']);
    expect(await names('status=CONNECTED')).toEqual([]);
    expect(await names('status=UNKNOWN,DENIED&region=us')).toEqual(['c']);
    expect(await names('label=tier%3Dprod')).toEqual(['a']);
    expect(await names('label=tier')).toEqual(['b', 'a']);
    expect(await names('label=zone,example.com%2Ftier%3Dprod')).toEqual(['c', 'a']);
    const { data } = await lister.graphql<{ clusters: { edges: { node: Cluster }[] } }>(
      '{ clusters(region: ["eu"], label: ["tier=prod"]) { edges { node { name labels region { name } } } } }',
    );
    expect(data.clusters.edges).toEqual([{ node: { name: 'a', labels: { tier: 'prod', zone: 'a' }, region: { name: 'eu' } } }]);
  });

  it('are renamed and labelled', async () => {
    const made = await register('before');
    const changed = expectStatus(
      await tenant.rest<Cluster>('PATCH', '/v1/clusters/before', { name: 'after', labels: { a: 'b' } }, { 'if-match': '"1"' }),
      200,
    );
    expect(changed).toMatchObject({ id: made.id, name: 'after', labels: { a: 'b' }, version: 2 });
    expect((await tenant.rest('PATCH', '/v1/clusters/after', { labels: { 'bad label!': 'x' } })).status).toBe(422);
    expect((await tenant.rest('PATCH', '/v1/clusters/after', { region: 'us' })).status).toBe(422);
  });

  it('are removed, which the event tells', async () => {
    const made = await register('doomed');
    expect((await tenant.rest('DELETE', '/v1/clusters/doomed')).status).toBe(204);
    expect((await tenant.rest('GET', `/v1/clusters/${made.id}`)).status).toBe(404);
    expect(await rows('SELECT 1 FROM credentials WHERE cluster_id = $1', [made.id])).toEqual([]);
    const events = await tenant.rest<{ items: { message: string }[] }>('GET', '/v1/events?type=cluster.removed');
    expect(events.body.items[0]?.message).toBe('Cluster doomed was removed.');
  });

  it('on which placements live stay, unless forced, which says what is left behind', async () => {
    await register('inhabited');
    await tenant.rest('POST', '/v1/templates', { name: 'web' });
    await tenant.rest('POST', '/v1/templates/web/revisions', { pod: { spec: { containers: [{ name: 'web', image: 'web:1' }] } } });
    const workload = expectStatus(
      await tenant.rest<{ id: string; name: string }>('POST', '/v1/workloads', {
        name: 'shop',
        template: 'web',
        placements: [{ cluster: 'inhabited', namespace: 'default' }],
      }),
      201,
    );
    expect((await tenant.rest('DELETE', '/v1/clusters/inhabited')).body).toMatchObject({ code: 'IN_USE', status: 409 });
    await rows(`UPDATE placements SET applied = '{"release": 1}' WHERE workload_id = $1`, [workload.id]);
    const forced = await tenant.rest('DELETE', '/v1/clusters/inhabited?force=true');
    expect([forced.status, forced.body]).toEqual([
      200,
      { leftBehind: [{ workload: { id: workload.id, name: 'shop' }, namespace: 'default' }] },
    ]);
    expect((await tenant.rest<{ placements: unknown[] }>('GET', '/v1/workloads/shop')).body.placements).toEqual([]);
  });

  it('that are removed are gone for everybody but history, and their names are free', async () => {
    const made = await register('gone', { labels: { tier: 'gone' } });
    expectStatus(await tenant.rest('POST', '/v1/workloads', { name: 'ruled', template: 'web' }), 201);
    expectStatus(await tenant.rest('DELETE', '/v1/clusters/gone'), 204);
    for (const reference of [made.id, 'gone']) {
      const path = `/v1/clusters/${reference}`;
      const answers = await Promise.all([
        tenant.rest('GET', path),
        tenant.rest('PATCH', path, { labels: {} }),
        tenant.rest('DELETE', path),
        tenant.rest('DELETE', `${path}?force=true`),
        tenant.rest('PUT', `${path}/credentials`, connection()),
        tenant.rest('POST', `${path}/check`),
        tenant.rest('GET', `${path}/access-manifest?namespace=default`),
      ]);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404));
      const placements = [{ cluster: reference, namespace: 'default' }];
      const refused = await tenant.rest('PATCH', '/v1/workloads/ruled', { placements });
      expect([refused.status, faultsOf(refused)[0]?.pointer]).toEqual([422, '/placements/0/cluster']);
    }
    expect((await tenant.rest('GET', '/v1/clusters?limit=200')).text).not.toContain(made.id);
    expect((await tenant.rest('GET', '/v1/clusters?label=tier%3Dgone')).body).toMatchObject({ items: [] });
    const rule = { placements: { clusterLabels: { tier: 'gone' }, namespace: 'default' } };
    expect((await tenant.rest('PATCH', '/v1/workloads/ruled', rule)).body).toMatchObject({ placements: [] });
    const again = await register('gone');
    expect(again.id).not.toBe(made.id);
    const taken = await tenant.rest('POST', '/v1/clusters', { name: 'gone', region: 'eu', ...connection() });
    expect(taken.body).toMatchObject({ code: 'NAME_TAKEN' });
    expect((await tenant.rest('PATCH', `/v1/clusters/${again.id}`, { name: 'inhabited' })).status).toBe(200);
  });

  it('that are removed count to no quota', async () => {
    const small = await api.tenant('modest');
    expectStatus(await api.operator.rest('PATCH', `/v1/tenants/${small.id}`, { quotas: { clusters: 1 } }), 200);
    const make = (name: string) => small.rest('POST', '/v1/clusters', { name, region: 'eu', ...connection() });
    expectStatus(await make('one'), 201);
    expect((await make('two')).body).toMatchObject({ code: 'QUOTA_EXCEEDED' });
    expectStatus(await small.rest('DELETE', '/v1/clusters/one'), 204);
    expectStatus(await make('two'), 201);
    expect((await small.rest('GET', '/v1/me')).text).toContain('"clusters":1');
  });

  it('are not removed under what is placed there at the same moment', async () => {
    const raced = async (i: number, force: string): Promise<string> => {
      const { name } = await register(`raced-${force.length}-${i}`);
      const placements = [{ cluster: name, namespace: 'default' }];
      const [made, gone] = await Promise.all([
        tenant.rest<{ placements: object[] }>('POST', '/v1/workloads', { name, template: 'web', placements }),
        tenant.rest('DELETE', `/v1/clusters/${name}${force}`),
      ]);
      if (made.status !== 201 || gone.status === 409) return `${made.status} ${gone.status}`;
      const { body } = await tenant.rest<{ placements: object[] }>('GET', `/v1/workloads/${name}`);
      return `${made.status} ${gone.status} ${body.placements.length}`;
    };
    for (const outcome of await Promise.all([1, 2, 3, 4, 5].map((i) => raced(i, '')))) expect(['201 409', '422 204']).toContain(outcome);
    for (const outcome of await Promise.all([1, 2, 3, 4, 5].map((i) => raced(i, '?force=true'))))
      expect(['201 200 0', '422 200']).toContain(outcome);
  });

  it('are not removed under a rollout that is accepted at the same moment', async () => {
    const raced = async (i: number): Promise<string> => {
      const { name } = await register(`rolled-${i}`);
      expectStatus(
        await tenant.rest('POST', '/v1/workloads', { name, template: 'web', placements: [{ cluster: name, namespace: 'a' }] }),
        201,
      );
      const [rollout, gone] = await Promise.all([
        tenant.rest('POST', `/v1/workloads/${name}/rollouts`, {}),
        tenant.rest('DELETE', `/v1/clusters/${name}?force=true`),
      ]);
      return `${rollout.status} ${gone.status}`;
    };
    for (const outcome of await Promise.all([1, 2, 3, 4, 5, 6].map(raced))) expect(['202 409', '422 200']).toContain(outcome);
  });

  it('with an active rollout are not removed by force either', async () => {
    await register('active');
    await tenant.rest('POST', '/v1/workloads', {
      name: 'moving',
      template: 'web',
      placements: [{ cluster: 'active', namespace: 'default' }],
    });
    expectStatus(await tenant.rest('POST', '/v1/workloads/moving/rollouts', {}), 202);
    expect((await tenant.rest('DELETE', '/v1/clusters/active?force=true')).body).toMatchObject({ code: 'ROLLOUT_ACTIVE', status: 409 });
  });

  it('are registered, changed and removed by GraphQL alike', async () => {
    const made = await tenant.graphql<{ createCluster: Cluster }>(
      'mutation ($input: CreateCluster!) { createCluster(input: $input, idempotencyKey: "graph") { id status region { name } missingPermissions { verb } } }',
      {
        input: { name: 'graph', region: 'eu', ...connection() },
      },
    );
    expect(made.data.createCluster).toMatchObject({ status: 'UNKNOWN', region: { name: 'eu' }, missingPermissions: [] });
    const refused = await tenant.graphql('mutation ($input: CreateCluster!) { createCluster(input: $input) { id } }', {
      input: { name: 'x', region: 'eu', kubeconfig: kubeconfig({ exec: { command: 'sh' } }) },
    });
    expect(refused.errors[0]?.extensions).toMatchObject({ code: 'INVALID', status: 422 });
    const changed = await tenant.graphql(
      'mutation { updateCluster(cluster: "graph", input: {labels: {a: "b"}}, ifVersion: 1) { version labels } }',
    );
    expect(changed.data).toEqual({ updateCluster: { version: 2, labels: { a: 'b' } } });
    const replaced = await tenant.graphql(
      'mutation ($input: ReplaceCredentials!) { replaceCredentials(cluster: "graph", input: $input) { version } }',
      { input: connection() },
    );
    expect(replaced.data).toEqual({ replaceCredentials: { version: 3 } });
    expect((await tenant.graphql('{ accessManifest(cluster: "graph", namespace: "shop") }')).data).toMatchObject({
      accessManifest: expect.stringContaining('kind: Role'),
    });
    expect((await tenant.graphql('mutation { deleteCluster(cluster: "graph") { leftBehind { namespace } } }')).data).toEqual({
      deleteCluster: { leftBehind: [] },
    });
  });

  it('hand out the least role as YAML', async () => {
    await register('manifest');
    const answer = await tenant.rest('GET', '/v1/clusters/manifest/access-manifest?namespace=shop');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/yaml; charset=utf-8']);
    const documents = parseAllDocuments(answer.text).map(
      (each) => parse(String(each)) as { kind: string; metadata: { namespace: string } },
    );
    expect(documents.map(({ kind }) => kind)).toEqual(['ServiceAccount', 'Role', 'RoleBinding']);
    expect(documents.every(({ metadata }) => metadata.namespace === 'shop')).toBe(true);
    for (const query of ['', '?namespace=', '?namespace=Not%20One', '?namespace=a%0Ab'])
      expect((await tenant.rest('GET', `/v1/clusters/manifest/access-manifest${query}`)).status).toBe(422);
  });
});

describe('a check', () => {
  it('is done by a worker of the region; the answer is what it found', async () => {
    const made = await register('checked');
    const database = api.app.get(Database);
    const asked = tenant.rest<Cluster>('POST', `/v1/clusters/${made.id}/check`);
    // What a worker does: it claims the inquiry, checks the cluster, stores what it found, answers, and announces that.
    const leases = new Leases('worker', new LeaseRows(database.system), new LeaseRows(database.system), () => undefined);
    const claim = {
      kind: 'inquiries',
      regions: [made.region.id],
      limit: 10,
      share: { tenant: null, cluster: null, held: null },
      moving: [],
    } as const;
    let lease: Lease | undefined;
    await expect.poll(async () => (lease = (await leases.claim(claim))[0])).toBeDefined();
    await database.as({ tenantId: tenant.id }, async () => {
      const inquiries = new InquiryRepository(database);
      expect(await inquiries.load(lease!)).toEqual({ kind: 'CHECK', clusterId: made.id, input: {} });
      await database.rows
        .$executeRaw`UPDATE clusters SET status = 'CONNECTED', checked_at = clock_timestamp(), kubernetes_version = 'v1.34.0' WHERE id = ${made.id}::uuid`;
      expect(await inquiries.answer(lease!, { status: 'CONNECTED' })).toBe(true);
    });
    await lease!.release(null);
    api.app.get(Announce).publish({ kind: 'inquiry', id: lease!.id });
    expect(expectStatus(await asked, 200)).toMatchObject({ status: 'CONNECTED', kubernetesVersion: 'v1.34.0' });
  });

  it('that is under way when the cluster is removed stores nothing, and no other follows', async () => {
    const made = await register('left');
    const database = api.app.get(Database);
    const leases = new Leases('worker', new LeaseRows(database.system), new LeaseRows(database.system), () => undefined);
    const claim = async (): Promise<Lease[]> =>
      leases.claim({
        kind: 'clusters',
        regions: [made.region.id],
        limit: 1_000,
        share: { tenant: null, cluster: null, held: null },
        moving: [],
      });
    const lease = (await claim()).find(({ id }) => id === made.id)!;
    const checks = new CheckRepository(database);
    const begun = await database.as({ tenantId: tenant.id }, () => checks.begin(made.id));

    expectStatus(await tenant.rest('DELETE', '/v1/clusters/left'), 204);

    const finding = { status: 'CONNECTED', statusReason: null, version: 'v1.34.0', latencyMilliseconds: 1, missing: [] } as const;
    const saved = await database.as({ tenantId: tenant.id }, () => checks.save(lease, made.id, begun, { ...finding, missing: [] }));
    expect(saved).toBeNull();
    expect(await lease.release(new Date(0))).toBe(false);
    expect((await claim()).map(({ id }) => id)).not.toContain(made.id);
    expect(await rows('SELECT 1 FROM work WHERE id = $1', [made.id])).toEqual([]);
    expect(await rows('SELECT status FROM clusters WHERE id = $1', [made.id])).toEqual([{ status: 'UNKNOWN' }]);
    expect(await rows('SELECT 1 FROM credentials WHERE cluster_id = $1', [made.id])).toEqual([]);
    await leases.close();
  });

  it('that nobody comes for says so within ten seconds', async () => {
    await register('unserved');
    const began = performance.now();
    const answer = await tenant.rest<Cluster>('POST', '/v1/clusters/unserved/check');
    expect(performance.now() - began).toBeLessThan(11_500);
    expect(expectStatus(answer, 200)).toMatchObject({ status: 'UNKNOWN', statusReason: 'no worker serves region eu' });
  });
});

describe('regions', () => {
  it('are made by the operator and seen by everybody', async () => {
    const made = await makeRegion(api, 'ap');
    expect((await tenant.rest<{ items: object[] }>('GET', '/v1/regions?limit=1')).body.items).toMatchObject([{ id: made.id, name: 'ap' }]);
    expect((await tenant.rest('POST', '/v1/regions', { name: 'mine' })).status).toBe(403);
    expect((await api.operator.rest('POST', '/v1/regions', { name: 'ap' })).body).toMatchObject({ code: 'NAME_TAKEN' });
    const graph = await api.operator.graphql('mutation { createRegion(input: {name: "sa"}) { name } }');
    expect(graph.data).toEqual({ createRegion: { name: 'sa' } });
    expect((await tenant.graphql('{ regions(first: 2) { edges { node { name } } } }')).data).toEqual({
      regions: { edges: [{ node: { name: 'sa' } }, { node: { name: 'ap' } }] },
    });
  });
});
