import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectStatus, startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { onConnection } from '../support/database.ts';

interface Template {
  id: string;
  name: string;
  description: string | null;
  latestRevision: number | null;
  version: number;
}

interface Revision {
  id: string;
  number: number;
  digest: string;
  document: Record<string, unknown>;
}

interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

let api: TestApi;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startTestApi();
  tenant = await api.tenant('acme');
});
afterAll(() => api.close());

/** The same deeds in REST and in GraphQL. */
interface Door {
  create(input: object): Promise<Template>;
  get(reference: string): Promise<Template>;
  update(reference: string, change: object): Promise<Template>;
  delete(reference: string): Promise<void>;
  list(limit: number): Promise<string[]>;
  addRevision(reference: string, document: unknown): Promise<Revision>;
  revision(reference: string, number: number): Promise<Revision>;
  revisions(reference: string, limit: number): Promise<number[]>;
  /** Code of the error that the deed fails with. */
  refusal(deed: Promise<unknown>): Promise<string>;
}

class Refused extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

const refusal = async (deed: Promise<unknown>): Promise<string> => {
  try {
    await deed;
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
  throw new Error('it was not refused');
};

function byRest(): Door {
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await tenant.rest<T>(method, `/v1/templates${path}`, body);
    if (answer.status >= 400) throw new Refused((answer.body as { code: string }).code);
    return answer.body;
  };
  const all = async <T>(path: string, limit: number): Promise<T[]> => {
    const items: T[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Page<T> = await ask('GET', `${path}?limit=${limit}${cursor ? `&cursor=${cursor}` : ''}`);
      expect(page.items.length).toBeLessThanOrEqual(limit);
      items.push(...page.items);
      cursor = page.nextCursor;
    }
    return items;
  };
  return {
    create: (input) => ask('POST', '', input),
    get: (reference) => ask('GET', `/${reference}`),
    update: (reference, change) => ask('PATCH', `/${reference}`, change),
    delete: (reference) => ask('DELETE', `/${reference}`),
    list: async (limit) => (await all<Template>('', limit)).map(({ name }) => name),
    addRevision: (reference, document) => ask('POST', `/${reference}/revisions`, document),
    revision: (reference, number) => ask('GET', `/${reference}/revisions/${number}`),
    revisions: async (reference, limit) => (await all<Revision>(`/${reference}/revisions`, limit)).map(({ number }) => number),
    refusal,
  };
}

const TEMPLATE = 'id name description latestRevision version';
const REVISION = 'id number digest document';

function byGraphql(): Door {
  const ask = async <T>(declared: string, field: string, variables: Record<string, unknown>, kind = 'mutation'): Promise<T> => {
    const { data, errors } = await tenant.graphql<{ it: T }>(`${kind} (${declared}) { it: ${field} }`, variables);
    if (errors[0]) throw new Refused(errors[0].extensions.code);
    return data.it;
  };
  const all = async <T>(declared: string, field: (page: string) => string, first: number, variables: object): Promise<T[]> => {
    const items: T[] = [];
    let after: string | null = null;
    do {
      const page: { edges: { node: T }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } = await ask(
        `$first: Int, $after: String${declared}`,
        field('first: $first, after: $after'),
        { ...variables, first, after },
        'query',
      );
      items.push(...page.edges.map(({ node }) => node));
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after !== null);
    return items;
  };
  const pageOf = (node: string): string => `{ edges { node { ${node} } } pageInfo { hasNextPage endCursor } }`;
  return {
    create: (input) => ask('$input: CreateTemplate!', `createTemplate(input: $input) { ${TEMPLATE} }`, { input }),
    get: (r) => ask('$r: String!', `template(template: $r) { ${TEMPLATE} }`, { r }, 'query'),
    update: (r, input) =>
      ask('$r: String!, $input: UpdateTemplate!', `updateTemplate(template: $r, input: $input) { ${TEMPLATE} }`, { r, input }),
    delete: (r) => ask('$r: String!', 'deleteTemplate(template: $r)', { r }),
    list: async (first) => (await all<Template>('', (page) => `templates(${page}) ${pageOf('name')}`, first, {})).map(({ name }) => name),
    addRevision: (r, d) => ask('$r: String!, $d: JSON!', `createRevision(template: $r, document: $d) { ${REVISION} }`, { r, d }),
    revision: (r, n) => ask('$r: String!, $n: Int!', `revision(template: $r, number: $n) { ${REVISION} }`, { r, n }, 'query'),
    revisions: async (r, first) =>
      (await all<Revision>(', $r: String!', (page) => `revisions(template: $r, ${page}) ${pageOf('number')}`, first, { r })).map(
        ({ number }) => number,
      ),
    refusal,
  };
}

const document = (image: string, more: object = {}): Record<string, unknown> => ({
  pod: { spec: { containers: [{ name: 'web', image }] } },
  ...more,
});

describe.each([
  ['rest', byRest],
  ['graphql', byGraphql],
] as const)('templates in %s', (door, open) => {
  const name = (text: string): string => `${door}-${text}`;

  it('are made, read by id and by name, changed and deleted', async () => {
    const templates = open();
    const made = await templates.create({ name: name('a'), description: 'first' });
    expect(made).toMatchObject({ name: name('a'), description: 'first', latestRevision: null, version: 1 });
    expect(await templates.get(made.id)).toMatchObject(made);
    expect(await templates.get(name('a'))).toMatchObject(made);
    expect(await templates.update(name('a'), { name: name('b') })).toMatchObject({
      id: made.id,
      name: name('b'),
      description: 'first',
      version: 2,
    });
    expect(await templates.update(made.id, { description: null })).toMatchObject({ description: null, version: 3 });
    await templates.delete(name('b'));
    expect(await templates.refusal(templates.get(made.id))).toBe('NOT_FOUND');
  });

  it('have names of their own', async () => {
    const templates = open();
    await templates.create({ name: name('own') });
    const other = await templates.create({ name: name('other') });
    expect(await templates.refusal(templates.create({ name: name('own') }))).toBe('NAME_TAKEN');
    expect(await templates.refusal(templates.update(other.id, { name: name('own') }))).toBe('NAME_TAKEN');
    expect(await templates.refusal(templates.create({ name: other.id }))).toBe('INVALID');
  });

  it('are listed newest first, page by page, each once', async () => {
    const templates = open();
    const names = Array.from({ length: 5 }, (_, i) => name(`list-${i}`));
    for (const each of names) await templates.create({ name: each });
    for (const limit of [1, 2, 200]) {
      const listed = (await templates.list(limit)).filter((each) => names.includes(each));
      expect(listed).toEqual([...names].reverse());
    }
  });

  it('get revisions numbered from one, which stay as they are', async () => {
    const templates = open();
    await templates.create({ name: name('revised') });
    const first = await templates.addRevision(name('revised'), document('web:1'));
    const second = await templates.addRevision(name('revised'), document('web:2'));
    expect([first.number, second.number]).toEqual([1, 2]);
    expect(await templates.revision(name('revised'), 1)).toMatchObject({ id: first.id, document: document('web:1') });
    expect((await templates.get(name('revised'))).latestRevision).toBe(2);
    expect(await templates.refusal(templates.revision(name('revised'), 3))).toBe('NOT_FOUND');
    expect(await templates.revisions(name('revised'), 1)).toEqual([2, 1]);
  });

  it('answer the newest revision for its own content, and a new one with the old digest for older content', async () => {
    const templates = open();
    await templates.create({ name: name('same') });
    const first = await templates.addRevision(name('same'), document('web:1', { replicas: 2 }));
    const again = await templates.addRevision(name('same'), { replicas: 2, ...document('web:1') });
    expect(again).toMatchObject({ id: first.id, number: 1 });
    await templates.addRevision(name('same'), document('web:2'));
    const back = await templates.addRevision(name('same'), document('web:1', { replicas: 2 }));
    expect(back).toMatchObject({ number: 3, digest: first.digest });
  });

  it('take no document that is not one', async () => {
    const templates = open();
    await templates.create({ name: name('bad') });
    for (const bad of [[], 7, { pod: 1 }, { ...document('web:1'), nonsense: true }]) {
      expect(await templates.refusal(templates.addRevision(name('bad'), bad))).toBe('INVALID');
    }
    expect((await templates.get(name('bad'))).latestRevision).toBeNull();
  });
});

describe('a revision', () => {
  beforeAll(async () => {
    await tenant.rest('POST', '/v1/templates', { name: 'web' });
  });
  const yaml = { 'content-type': 'application/yaml' };

  it('comes as YAML or JSON: the same content is the same revision', async () => {
    const first = await tenant.rest<Revision>('POST', '/v1/templates/web/revisions', document('web:1'));
    const second = await tenant.rest<Revision>(
      'POST',
      '/v1/templates/web/revisions',
      'pod:\n  spec:\n    containers:\n      - name: web\n        image: "web:1"\n',
      yaml,
    );
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body).toEqual(first.body);
    expect(first.headers.get('location')).toBe(
      `/v1/templates/${(await tenant.rest<Template>('GET', '/v1/templates/web')).body.id}/revisions/1`,
    );
    expect(expectStatus(await tenant.rest('GET', first.headers.get('location') ?? ''), 200)).toEqual(first.body);
  });

  it('says who made it', async () => {
    const made = await tenant.with({ 'slipway-actor': 'ann' }).rest('POST', '/v1/templates/web/revisions', document('web:who'));
    expect(made.body).toMatchObject({ createdBy: { keyId: expect.any(String), name: expect.any(String), actor: 'ann' } });
    const byOperator = await api.operator
      .with({ 'slipway-tenant': 'acme' })
      .rest('POST', '/v1/templates/web/revisions', document('web:op'));
    expect(byOperator.body).toMatchObject({ createdBy: { keyId: null, name: 'operator', actor: null } });
  });

  it('names each fault at its pointer, and nothing is stored', async () => {
    const before = (await tenant.rest<Template>('GET', '/v1/templates/web')).body;
    const answer = await tenant.rest('POST', '/v1/templates/web/revisions', {
      pod: { spec: { containers: [{ name: 'web', image: 1, nonsense: true }] } },
    });
    expect(answer.status).toBe(422);
    const pointers = (answer.body as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer);
    expect(pointers).toEqual(expect.arrayContaining(['/pod/spec/containers/0/image', '/pod/spec/containers/0/nonsense']));
    expect((await tenant.rest('GET', '/v1/templates/web')).body).toEqual(before);
  });

  it.each([
    ['an alias of nothing', 'a: *x\n'],
    ['a bomb of aliases', `a: &a [x]\n${Array.from({ length: 20 }, (_, i) => `b${i}: &b${i} [${'*a,'.repeat(9)}*a]`).join('\n')}\n`],
    ['a key twice', 'pod: {}\npod: {}\n'],
    ['a tag', 'pod: !!js/function "x"\n'],
    ['two documents', 'pod: {}\n---\npod: {}\n'],
    ['nothing', ''],
    ['tabs', 'pod:\n\tspec: 1\n'],
  ])('is refused as YAML with %s', async (_, text) => {
    const answer = await tenant.rest('POST', '/v1/templates/web/revisions', text, yaml);
    expect([answer.status, answer.body['code']]).toEqual([422, 'INVALID']);
  });

  it('that YAML reads as no text is refused with its line, and what to write', async () => {
    const text = 'pod:\n  metadata:\n    labels: { on-call: yes }\n  spec: { containers: [{ name: web, image: web:1 }] }\n';
    const answer = await tenant.rest('POST', '/v1/templates/web/revisions', text, yaml);
    expect([answer.status, answer.body['errors']]).toEqual([
      422,
      [{ pointer: '/pod/metadata/labels/on-call', detail: 'line 3, column 24: must be a string, but is true: quote it' }],
    ]);
  });

  it('keeps the octal number of a file mode, and what an alias names', async () => {
    const text = `pod:
  spec:
    containers:
      - name: web
        image: web:1
        env: &env [{ name: A, value: "1" }]
      - { name: log, image: log:1, env: *env }
    volumes:
      - { name: tls, secret: { secretName: tls, defaultMode: 0400 } }
`;
    const made = await tenant.rest<Revision>('POST', '/v1/templates/web/revisions', text, yaml);
    expect(made.status).toBe(201);
    expect(made.body.document).toMatchObject({
      pod: { spec: { containers: [{}, { env: [{ name: 'A', value: '1' }] }], volumes: [{ secret: { defaultMode: 0o400 } }] } },
    });
  });

  it('that is text in JSON is not taken for YAML', async () => {
    const answer = await tenant.rest('POST', '/v1/templates/web/revisions', JSON.stringify('pod: {}'), {
      'content-type': 'application/json',
    });
    expect([answer.status, answer.body['errors']]).toEqual([422, [{ pointer: '', detail: expect.stringContaining('must be an object') }]]);
  });

  it('is refused above 1 MiB, and in another form', async () => {
    expect((await tenant.rest('POST', '/v1/templates/web/revisions', `pod: "${'x'.repeat(1_100_000)}"`, yaml)).status).toBe(413);
    expect((await tenant.rest('POST', '/v1/templates/web/revisions', '<pod/>', { 'content-type': 'application/xml' })).status).toBe(415);
  });

  it('of many that are posted at once gets a number of its own', async () => {
    await tenant.rest('POST', '/v1/templates', { name: 'busy' });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => tenant.rest<Revision>('POST', '/v1/templates/busy/revisions', document(`web:${i}`))),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(201));
    expect(answers.map(({ body }) => body.number).sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  });

  it('keeps whatever a string says', async () => {
    const text = 'quotes " \' ${{ params.x }} \n - yaml: [list]\n <script>';
    const parameters = { text: { type: 'string', default: text.replace('${{', '{') } };
    const posted = document('web:1', { parameters });
    const made = await tenant.rest<Revision>('POST', '/v1/templates/web/revisions', posted);
    expect(made.status).toBe(201);
    expect(made.body.document).toEqual(posted);
  });
});

describe('a template that a workload uses', () => {
  const furnish = async (name: string): Promise<Template> => {
    const made = expectStatus(await tenant.rest<Template>('POST', '/v1/templates', { name }), 201);
    expectStatus(await tenant.rest('POST', `/v1/templates/${name}/revisions`, document('web:1'), { 'idempotency-key': name }), 201);
    expectStatus(await tenant.rest('POST', '/v1/workloads', { name: `of-${name}`, template: name }), 201);
    return made;
  };
  /** Given: a rollout has removed the workload. */
  const removed = (name: string) =>
    onConnection(api.database.ownerUrl, (client) => client.query('UPDATE workloads SET deleted_at = now() WHERE name = $1', [name]));

  it('cannot be deleted', async () => {
    await furnish('used');
    const answer = await tenant.rest('DELETE', '/v1/templates/used');
    expect([answer.status, answer.body['code']]).toEqual([409, 'IN_USE']);
    const { errors } = await tenant.graphql('mutation { deleteTemplate(template: "used") }');
    expect(errors[0]?.extensions.code).toBe('IN_USE');
  });

  it('can be deleted once the workload has been removed; then it is gone, and its name is free', async () => {
    const made = await furnish('outlived');
    await removed('of-outlived');
    expectStatus(await tenant.rest('DELETE', '/v1/templates/outlived'), 204);
    for (const path of [made.id, 'outlived', `${made.id}/revisions`, `${made.id}/revisions/1`])
      expect((await tenant.rest('GET', `/v1/templates/${path}`)).status).toBe(404);
    for (const method of ['PATCH', 'DELETE'])
      expect((await tenant.rest(method, `/v1/templates/${made.id}`, method === 'PATCH' ? {} : undefined)).status).toBe(404);
    expect((await tenant.rest('POST', `/v1/templates/${made.id}/revisions`, document('web:2'))).status).toBe(404);
    expect((await tenant.rest('GET', '/v1/templates?limit=200')).text).not.toContain(made.id);
    for (const template of [made.id, 'outlived']) {
      const answer = await tenant.rest('POST', '/v1/workloads', { name: 'late', template });
      expect([answer.status, answer.text]).toEqual([422, expect.stringContaining('/template')]);
    }
    const repeated = await tenant.rest('POST', `/v1/templates/outlived/revisions`, document('web:1'), { 'idempotency-key': 'outlived' });
    expect(repeated.body).toMatchObject({ code: 'EXPIRED' });
    const again = expectStatus(await tenant.rest<Template>('POST', '/v1/templates', { name: 'outlived' }), 201);
    expect(again).toMatchObject({ latestRevision: null, version: 1 });
    expect((await tenant.rest('POST', '/v1/templates', { name: 'outlived' })).body).toMatchObject({ code: 'NAME_TAKEN' });
  });

  it('can be deleted once the workload has another', async () => {
    await furnish('left');
    await tenant.rest('POST', '/v1/templates', { name: 'taken-up' });
    expectStatus(await tenant.rest('PATCH', '/v1/workloads/of-left', { template: 'taken-up' }), 200);
    expectStatus(await tenant.rest('DELETE', '/v1/templates/left'), 204);
    expect((await tenant.rest('GET', '/v1/workloads/of-left')).body).toMatchObject({ template: { name: 'taken-up' } });
  });

  it('is not deleted while a workload is made of it', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        await tenant.rest('POST', '/v1/templates', { name: `raced-${i}` });
        const [made, gone] = await Promise.all([
          tenant.rest('POST', '/v1/workloads', { name: `racing-${i}`, template: `raced-${i}` }),
          tenant.rest('DELETE', `/v1/templates/raced-${i}`),
        ]);
        return `${made.status} ${gone.status}`;
      }),
    );
    for (const outcome of outcomes) expect(['201 409', '422 204']).toContain(outcome);
  });
});
