import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { connectCluster } from '../../../src/clusters/kubernetes/client.ts';
import type { ConnectOptions } from '../../../src/clusters/kubernetes/client.ts';
import { KubernetesError } from '../../../src/clusters/kubernetes/errors.ts';
import type { KubernetesClient, KubernetesObject } from '../../../src/clusters/kubernetes/types.ts';
import { json, makeAuthority, startServer, status } from './server.ts';
import type { Answerer, TestServer } from './server.ts';

const token = 'the-token-that-nobody-may-see-0123456789';
const loopback = ['127.0.0.0/8'];
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(answerer: Answerer): Promise<TestServer> {
  const server = await startServer(answerer);
  cleanups.push(() => server.close());
  return server;
}

function connect(server: Pick<TestServer, 'url' | 'ca'>, options: ConnectOptions = {}): KubernetesClient {
  const client = connectCluster({ server: server.url, ca: server.ca, auth: { token } }, { allowedNetworks: loopback, ...options });
  cleanups.push(() => client.close());
  return client;
}

async function failure(work: Promise<unknown>): Promise<KubernetesError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(KubernetesError);
  return error as KubernetesError;
}

const web: KubernetesObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { paused: false },
};
const webRef = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' };
const version: Answerer = (_, response) => json(response, { major: '1', minor: '36', gitVersion: 'v1.36.3' });

describe('requests', () => {
  it('go below the path of the server, with the bearer, on connections that are kept', async () => {
    const server = await serve(version);
    const client = connect({ url: `${server.url}/k8s/clusters/c-1/`, ca: server.ca });
    const { gitVersion, latencyMilliseconds } = await client.version();
    for (let i = 0; i < 5; i++) await client.version();
    expect(gitVersion).toBe('v1.36.3');
    expect(latencyMilliseconds).toBeGreaterThan(0);
    expect(new Set(server.seen.map((request) => request.url))).toEqual(new Set(['/k8s/clusters/c-1/version']));
    expect(new Set(server.seen.map((request) => request.headers.authorization))).toEqual(new Set([`Bearer ${token}`]));
    expect(server.seen).toHaveLength(12);
    expect(server.connections.length).toBeLessThan(4);
  });

  it('use a client certificate where that is the credential, and then send no bearer', async () => {
    const clients = await makeAuthority('clients');
    const server = await startServer(version, { clientAuthority: clients });
    cleanups.push(() => server.close());
    const { cert, key } = await clients.issue({ commonName: 'slipway', client: true });
    const client = connectCluster({ server: server.url, ca: server.ca, auth: { certificate: cert, key } }, { allowedNetworks: loopback });
    cleanups.push(() => client.close());
    expect((await client.version()).gitVersion).toBe('v1.36.3');
    expect(server.seen[0]?.headers.authorization).toBeUndefined();
  });

  it('under a signal end with it at once, whether they read or write; others on the same connections go on', async () => {
    const server = await serve(async (request, response) => {
      if (request.method === 'GET') json(response, web);
    });
    const client = connect(server);
    const ending = new AbortController();
    const under = client.under(ending.signal);
    expect(await under.read(webRef)).toEqual(web);
    server.answer((request, response) => {
      if (request.url.endsWith('/other')) json(response, web);
    });
    const held = [under.read(webRef), under.apply(web), under.missingAccess('shop')].map(failure);
    await expect.poll(() => server.seen.length).toBe(4);

    ending.abort();

    for (const error of await Promise.all(held)) {
      expect(error.kind).toBe('UNREACHABLE');
      expect(error.message).toContain('the request was aborted');
    }
    expect((await failure(under.read({ ...webRef, name: 'other' }))).kind).toBe('UNREACHABLE');
    expect(server.seen).toHaveLength(4);
    expect(await client.read({ ...webRef, name: 'other' })).toEqual(web);
  });

  it('that have no answer for long are told of to whoever makes them, and go on; those that have one soon are not', async () => {
    let answer = (): void => undefined;
    const server = await serve((request, response) => {
      if (request.method === 'GET') return json(response, web);
      answer = () => json(response, web);
    });
    let slow = 0;
    const { promise: told, resolve: tell } = Promise.withResolvers<void>();
    const under = connect(server, { patienceMilliseconds: 200 }).under(new AbortController().signal, () => {
      slow += 1;
      tell();
    });
    await under.read(webRef);
    const held = under.apply(web);
    await told;
    answer();
    expect([await held, slow]).toEqual([web, 1]);
  });

  it('are refused before they are made where a name would climb out of its path', async () => {
    const server = await serve(version);
    const client = connect(server);
    for (const name of ['..', 'a/b', 'a%2fb', 'A', '', 'a?b', `${'a'.repeat(254)}`]) {
      expect((await failure(client.read({ ...webRef, name }))).kind, name).toBe('INVALID');
    }
    expect((await failure(client.read({ ...webRef, kind: 'Secret' }))).kind).toBe('INVALID');
    expect(server.connections).toHaveLength(0);
  });
});

describe('apply', () => {
  it('is a server-side apply by our manager, strict, and fenced by what it was decided on', async () => {
    const server = await serve((request, response) =>
      json(response, { ...web, ...JSON.parse(request.body), status: { unknownFieldOfTomorrow: 1 } }),
    );
    const applied = await connect(server).apply(web, { precondition: { uid: 'u', resourceVersion: '7' }, dryRun: true });
    const [request] = server.seen;
    const url = new URL(request?.url ?? '', server.url);
    expect(request?.method).toBe('PATCH');
    expect(request?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(url.pathname).toBe('/apis/apps/v1/namespaces/shop/deployments/web');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      fieldManager: 'slipway',
      force: 'false',
      fieldValidation: 'Strict',
      dryRun: 'All',
    });
    expect(JSON.parse(request?.body ?? '')).toEqual({ ...web, metadata: { ...web.metadata, uid: 'u', resourceVersion: '7' } });
    expect(applied['status']).toEqual({ unknownFieldOfTomorrow: 1 });
  });
});

describe('list', () => {
  it('reads all pages, and gives each item the kind that lists leave out', async () => {
    const server = await serve((request, response) => {
      const next = new URL(request.url, 'https://x').searchParams.get('continue');
      const page = Number(next ?? '0');
      json(response, {
        metadata: { resourceVersion: '42', continue: page < 2 ? String(page + 1) : '' },
        items: [{ metadata: { name: `web-${page}` } }],
      });
    });
    const list = await connect(server).list({ apiVersion: 'v1', kind: 'Pod', namespace: 'shop', labelSelector: 'a=b' });
    expect(list.items.map((item) => [item.apiVersion, item.kind, item.metadata.name])).toEqual([
      ['v1', 'Pod', 'web-0'],
      ['v1', 'Pod', 'web-1'],
      ['v1', 'Pod', 'web-2'],
    ]);
    expect(list.resourceVersion).toBe('42');
    expect(Math.abs(list.date.getTime() - Date.now())).toBeLessThan(5_000);
    expect(server.seen.every((request) => request.url.includes('labelSelector=a%3Db') && request.url.includes('limit=200'))).toBe(true);
  });

  it('begins anew where the moment of its first page has been forgotten', async () => {
    let refused = false;
    const server = await serve((request, response) => {
      if (!request.url.includes('continue='))
        return json(response, { metadata: { resourceVersion: '1', continue: 'next' }, items: [{ metadata: { name: 'a' } }] });
      if (refused) return json(response, { metadata: { resourceVersion: '1' }, items: [{ metadata: { name: 'b' } }] });
      refused = true;
      return json(response, status(410, 'Expired', 'The provided continue parameter is too old'), 410);
    });
    const list = await connect(server).list({ apiVersion: 'v1', kind: 'Pod', namespace: 'shop', labelSelector: 'a=b' });
    expect(list.items.map((item) => item.metadata.name)).toEqual(['a', 'b']);
  });
});

describe('a list without end', () => {
  it.each([
    ['of objects', 500, 'more than 20000 objects'],
    ['of empty pages', 0, 'more than 100 pages'],
  ])('%s is given up', async (_name, count, message) => {
    const items = Array.from({ length: count }, () => ({ metadata: { name: 'x' } }));
    const server = await serve((_, response) => json(response, { metadata: { resourceVersion: '1', continue: 'more' }, items }));
    const error = await failure(connect(server).list({ apiVersion: 'v1', kind: 'Pod', namespace: 'shop', labelSelector: 'a=b' }));
    expect(error.message).toContain(message);
  });
});

describe('missingAccess', () => {
  const rules = [
    { verbs: ['*'], apiGroups: ['apps'], resources: ['deployments', 'deployments/scale', 'replicasets'] },
    { verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'], apiGroups: [''], resources: ['pods', 'services', 'configmaps'] },
  ];

  it('is answered by one review where the authorizer can list its rules', async () => {
    const server = await serve((_, response) =>
      json(response, { status: { resourceRules: rules, nonResourceRules: [], incomplete: false } }, 201),
    );
    expect(await connect(server).missingAccess('shop')).toEqual([{ group: '', resource: 'pods', subresource: 'log', verb: 'get' }]);
    expect(server.seen).toHaveLength(1);
  });

  it('asks about each access that an incomplete list does not grant', async () => {
    const server = await serve((request, response) => {
      const { spec } = JSON.parse(request.body) as { spec: { resourceAttributes?: { subresource?: string } } };
      const review = request.url.includes('rules')
        ? { resourceRules: rules, nonResourceRules: [], incomplete: true }
        : { allowed: spec.resourceAttributes?.subresource === 'log' };
      json(response, { status: review }, 201);
    });
    expect(await connect(server).missingAccess('shop')).toEqual([]);
    expect(server.seen).toHaveLength(2);
  });

  it('does not take a rule for named objects as a grant', async () => {
    const named = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: ['web'] }];
    const server = await serve((_, response) =>
      json(response, { status: { resourceRules: named, nonResourceRules: [], incomplete: false } }, 201),
    );
    expect((await connect(server).missingAccess('shop')).length).toBeGreaterThan(10);
  });
});

describe('podWarnings', () => {
  it('asks for one page of one pod, and reads no more of what a server sends all the same', async () => {
    const items = Array.from({ length: 200 }, (_, index) => ({ reason: `R${index}`, message: 'x'.repeat(2_000), eventTime: 'never' }));
    const server = await serve((_, response) => json(response, { items: [null, 'text', ...items] }));
    const warnings = await connect(server).podWarnings({ namespace: 'shop', uid: 'u-1' });
    expect(server.seen[0]?.url).toContain('fieldSelector=involvedObject.uid%3Du-1%2Ctype%3DWarning&limit=50');
    expect(warnings).toHaveLength(50);
    expect(warnings[0]).toEqual({ reason: 'R0', message: 'x'.repeat(1_000), at: 0 });
  });

  it('is a failure where the answer is no list', async () => {
    const server = await serve((_, response) => json(response, { items: 'none' }));
    expect((await failure(connect(server).podWarnings({ namespace: 'shop', uid: 'u' }))).kind).toBe('SERVER');
  });
});

describe('mayDoEverything', () => {
  it.each([true, false])('asks once, about everything: %s', async (allowed) => {
    const server = await serve((_, response) => json(response, { status: { allowed } }, 201));
    expect(await connect(server).mayDoEverything()).toBe(allowed);
    expect(server.seen.map(({ body }) => (JSON.parse(body) as { spec: unknown }).spec)).toEqual([
      { resourceAttributes: { group: '*', resource: '*', verb: '*' } },
    ]);
  });
});

describe('log', () => {
  it('keeps the last 8 KiB in whole lines', async () => {
    const server = await serve(
      (_, response) => void response.end(Array.from({ length: 2000 }, (_line, i) => `line ${i} ${token}`).join('\n')),
    );
    const log = await connect(server).log({ namespace: 'shop', pod: 'web-1', container: 'web' }, { tailLines: 2000 });
    expect(Buffer.byteLength(log)).toBeLessThanOrEqual(8192);
    expect(log).toMatch(/^line \d+ \[redacted\]\n/);
    expect(log.endsWith('line 1999 [redacted]')).toBe(true);
  });
});

describe('log, as it may be shown', () => {
  it('has no control characters but those between lines and columns', async () => {
    const server = await serve((_, response) => void response.end('a\tb\u001b[31mred\u0000\r\nc'));
    const log = await connect(server).log({ namespace: 'shop', pod: 'web-1', container: 'web' }, { tailLines: 20 });
    expect(log).toBe('a\tb [31mred \nc');
  });
});

describe('delete', () => {
  it('names the object by its uid, and takes an object that is gone as deleted', async () => {
    const server = await serve((_, response) =>
      json(response, status(404, 'NotFound', 'deployments.apps "web" not found', { kind: 'deployments' }), 404),
    );
    await connect(server).delete(webRef, { uid: 'u' }, { propagation: 'Foreground' });
    expect(JSON.parse(server.seen[0]?.body ?? '')).toMatchObject({ preconditions: { uid: 'u' }, propagationPolicy: 'Foreground' });
  });
});

describe('errors', () => {
  const fieldConflict = {
    causes: [
      { reason: 'FieldManagerConflict', message: 'conflict with "kubectl-client-side-apply" using apps/v1', field: '.spec.template' },
    ],
  };
  const cases: [name: string, code: number, body: unknown, kind: string][] = [
    ['no such token', 401, status(401, 'Unauthorized', 'Unauthorized'), 'UNAUTHENTICATED'],
    [
      'RBAC',
      403,
      status(
        403,
        'Forbidden',
        'deployments.apps is forbidden: User "x" cannot patch resource "deployments" in API group "apps" in the namespace "shop"',
      ),
      'FORBIDDEN',
    ],
    [
      'quota',
      403,
      status(403, 'Forbidden', 'pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'),
      'QUOTA_EXCEEDED',
    ],
    [
      'Pod Security',
      403,
      status(403, 'Forbidden', 'pods "a" is forbidden: violates PodSecurity "restricted:latest": x'),
      'ADMISSION_DENIED',
    ],
    ['a webhook', 400, status(400, 'BadRequest', 'admission webhook "p.example" denied the request: no'), 'ADMISSION_DENIED'],
    [
      'a policy',
      422,
      status(422, 'Invalid', "deployments.apps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"),
      'ADMISSION_DENIED',
    ],
    [
      'a namespace that ends',
      403,
      status(403, 'Forbidden', 'unable to create new content', { causes: [{ reason: 'NamespaceTerminating' }] }),
      'NAMESPACE_MISSING',
    ],
    ['no namespace', 404, status(404, 'NotFound', 'namespaces "shop" not found', { kind: 'namespaces' }), 'NAMESPACE_MISSING'],
    ['stale version', 409, status(409, 'Conflict', 'the object has been modified'), 'CONFLICT'],
    [
      'other uid',
      422,
      status(422, 'Invalid', 'field is immutable', { causes: [{ reason: 'FieldValueInvalid', field: 'metadata.uid' }] }),
      'CONFLICT',
    ],
    ['other manager', 409, status(409, 'Conflict', 'Apply failed with 1 conflict', fieldConflict), 'FIELD_CONFLICT'],
    ['exists', 409, status(409, 'AlreadyExists', 'already exists'), 'EXISTS'],
    ['invalid', 422, status(422, 'Invalid', 'spec.replicas: must be positive'), 'INVALID'],
    [
      'unknown field',
      500,
      status(500, '', 'failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.x: field not declared in schema'),
      'INVALID',
    ],
    ['throttled', 429, status(429, 'TooManyRequests', 'slow down', { retryAfterSeconds: 3 }), 'THROTTLED'],
    ['broken', 500, status(500, 'InternalError', 'etcdserver: leader changed'), 'SERVER'],
    ['a gateway', 502, '<html>', 'SERVER'],
    ['expired', 410, status(410, 'Expired', 'too old resource version'), 'EXPIRED'],
  ];
  it.each(cases)('%s: %i is told as what it is, with advice', async (_name, code, body, kind) => {
    const server = await serve((_request, response) => json(response, body, code));
    const error = await failure(connect(server).apply(web));
    expect(error.kind).toBe(kind);
    expect(error.status).toBe(code);
    expect(error.advice).toMatch(/\.$/);
    expect(error.retryAfterSeconds).toBe(code === 429 ? 3 : null);
    if (kind === 'FIELD_CONFLICT') expect(error.causes).toMatchObject([{ manager: 'kubectl-client-side-apply', field: '.spec.template' }]);
  });

  it('prefer the Retry-After header', async () => {
    const server = await serve((_, response) =>
      json(response, status(429, 'TooManyRequests', 'x', { retryAfterSeconds: 3 }), 429, { 'retry-after': '7' }),
    );
    expect((await failure(connect(server).version())).retryAfterSeconds).toBe(7);
  });

  it('never show the token, wherever a hostile cluster puts it', async () => {
    const escaped = [...token].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
    const bodies = [
      JSON.stringify(
        status(403, token, `${'x'.repeat(990)}${token}`, { kind: token, causes: [{ reason: token, message: token, field: token }] }),
      ),
      JSON.stringify(
        status(409, 'Conflict', token, { causes: [{ reason: 'FieldManagerConflict', message: `conflict with "${token}"`, field: token }] }),
      ),
      `{"kind":"Status","message":"${escaped}"}`,
      token,
    ];
    for (const body of bodies) {
      const server = await serve((_, response) => void response.writeHead(409, { location: token, [`x-${token}`]: token }).end(body));
      const error = await failure(connect(server).apply(web));
      const shown = JSON.stringify([error.message, error.stack, error.causes, error.advice, String(error.cause), Object.entries(error)]);
      expect(shown).not.toContain(token.slice(0, 12));
    }
  });
});

describe('a server that is not to be trusted', () => {
  it('is refused when another authority signed its certificate, also after an exchange on a running server', async () => {
    const server = await serve(version);
    const client = connect(server);
    await client.version();
    await server.certify(await makeAuthority('stranger'));
    for (const socket of server.connections) socket.destroy();
    const errors = [await failure(client.version()), await failure(client.version())];
    expect(errors.at(-1)?.kind).toBe('UNKNOWN_CA');
    expect(server.seen.length).toBe(2);
  });

  it('is refused when its certificate is for another name', async () => {
    const server = await serve(version);
    const client = connect(
      { url: `https://other.example:${server.port}`, ca: server.ca },
      { resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) },
    );
    const error = await failure(client.version());
    expect([error.kind, error.message]).toEqual([
      'UNKNOWN_CA',
      "The server's certificate is not valid for this address (ERR_TLS_CERT_ALTNAME_INVALID).",
    ]);
  });

  it('cannot send us elsewhere: a redirect is an error and nobody else gets the token', async () => {
    const other = await serve(version);
    const server = await serve((_, response) => void response.writeHead(302, { location: `${other.url}/version` }).end());
    expect((await failure(connect(server).version())).message).toContain('redirect');
    expect(other.connections).toHaveLength(0);
  });

  it('cannot fill our memory', async () => {
    const server = await serve((_, response) => {
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    });
    const error = await failure(connect(server, { budgets: { answerBytes: 1024 * 1024 } }).version());
    expect(error.message).toContain('longer than 1 MiB');
  });

  it('cannot make us unpack what is small when compressed', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, '{},'));
    const server = await serve((_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    expect((await failure(connect(server).read(webRef))).message).toBe("The server's answer cannot be read: it is not a JSON object.");
    expect(server.seen[0]?.headers['accept-encoding']).toBeUndefined();
  });

  it('cannot hold us with informational answers', async () => {
    const server = await serve((_, response) => {
      const timer = setInterval(() => response.writeProcessing(), 20);
      response.on('close', () => clearInterval(timer));
    });
    const slow = await failure(connect(server, { budgets: { requestMilliseconds: 200 } }).version());
    expect([slow.kind, slow.timedOut]).toEqual(['UNREACHABLE', true]);
  });

  it.each([
    ['nested deeper than 50 levels', `{"metadata":{"name":"x"},"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['more than 262144 values', `{"metadata":{"name":"x"},"a":[${'{},'.repeat(300_000)}{}]}`],
  ])('cannot make us parse JSON that has %s', async (bound, body) => {
    const server = await serve((_, response) => void response.end(body));
    for (const asked of [connect(server).read(webRef), connect(server).apply(web), connect(server).missingAccess('shop')]) {
      const error = await failure(asked);
      expect([error.overBudget, error.message]).toEqual([true, expect.stringContaining(bound)]);
    }
  });

  it('cannot hold us with a byte now and then, or with silence', async () => {
    const server = await serve((_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    });
    const slow = await failure(connect(server, { budgets: { requestMilliseconds: 200 } }).version());
    expect([slow.kind, slow.message]).toEqual([
      'UNREACHABLE',
      'The cluster is unreachable: the answer was interrupted (UND_ERR_BODY_TIMEOUT).',
    ]);
    server.answer(() => undefined);
    const silent = await failure(connect(server, { budgets: { requestMilliseconds: 200 } }).version());
    expect([silent.kind, silent.message]).toEqual([
      'UNREACHABLE',
      'The cluster is unreachable: the answer timed out (UND_ERR_HEADERS_TIMEOUT).',
    ]);
  });

  it('is told as such when it does not speak Kubernetes', async () => {
    const server = await serve((_, response) => void response.end('<html>Welcome</html>'));
    for (const asked of [connect(server).read(webRef), connect(server).version(), connect(server).missingAccess('shop')]) {
      const error = await failure(asked);
      expect([error.kind, error.advice]).toEqual(['SERVER', "Check the server's URL: the server there does not speak the Kubernetes API."]);
    }
  });
});

describe('addresses', () => {
  it('that are private are not connected to, whether literal or by name', async () => {
    const server = await serve(version);
    const byName = connectCluster(
      { server: `https://cluster.example:${server.port}`, ca: server.ca, auth: { token } },
      { resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) },
    );
    const literal = connectCluster({ server: server.url, ca: server.ca, auth: { token } });
    for (const client of [byName, literal]) {
      cleanups.push(() => client.close());
      const error = await failure(client.version());
      expect([error.kind, error.message]).toEqual(['UNREACHABLE', expect.stringContaining('Connecting to the cluster is not allowed: ')]);
    }
    expect(server.connections).toHaveLength(0);
  });

  it('are checked again at each connect, so a name that moves to a private one is cut off', async () => {
    const server = await serve(version);
    let address = '127.0.0.1';
    const client = connect(
      { url: `https://cluster.example:${server.port}`, ca: server.ca },
      { resolve: () => Promise.resolve([{ address, family: 4 }]) },
    );
    expect((await client.version()).gitVersion).toBe('v1.36.3');
    address = '10.0.0.1';
    for (const socket of server.connections) socket.destroy();
    await failure(client.version());
    expect((await failure(client.version())).message).toContain('10.0.0.1, which is a private address');
  });

  it('that nothing listens on, or nobody knows, are told as unreachable', async () => {
    const server = await startServer(version);
    await server.close();
    expect((await failure(connect(server).version())).message).toBe(
      'The cluster is unreachable: the connection was refused (ECONNREFUSED).',
    );
    const unknown = connect(
      { url: 'https://nowhere.invalid', ca: server.ca },
      { resolve: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })) },
    );
    expect((await failure(unknown.version())).message).toBe("The cluster is unreachable: the server's name does not resolve (ENOTFOUND).");
  });
});
