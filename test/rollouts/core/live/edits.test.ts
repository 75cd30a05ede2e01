import { describe, expect, it } from 'vitest';
import { listed, MOST_DIFFERENCES } from '../../../../src/rollouts/core/failure.ts';
import { editsOf, objectEditsOf } from '../../../../src/rollouts/core/live/edits.ts';
import type { Difference } from '../../../../src/rollouts/core/live/edits.ts';

const template = (container: object = {}, spec: object = {}, metadata: object = { labels: { app: 'web' } }): object => ({
  metadata,
  spec: { containers: [{ name: 'web', image: 'web:1', env: [{ name: 'MODE', value: 'fast' }], ...container }], ...spec },
});

const edits = (live: unknown, base: unknown, next: unknown, managedFields: unknown): Difference[] =>
  editsOf({ live, base, next, managedFields, publicText: String });

const owned = (manager: string, minute: number, fields: object): object => {
  const web = { 'f:spec': { 'f:containers': { 'k:{"name":"web"}': fields } } };
  return { manager, operation: 'Update', time: `2026-01-01T00:0${minute}:00Z`, fieldsV1: { 'f:spec': { 'f:template': web } } };
};

describe('what others have changed in a pod template', () => {
  it.each<[string, object, object]>([
    [
      'an image',
      template({ image: 'hotfix:1' }),
      { path: '.spec.template.spec.containers[name="web"].image', live: 'hotfix:1', ours: 'web:2' },
    ],
    [
      'a variable that was added',
      template({
        env: [
          { name: 'MODE', value: 'fast' },
          { name: 'X', value: '1' },
        ],
      }),
      { path: '.spec.template.spec.containers[name="web"].env[name="X"]', live: '{"name":"X","value":"(hidden)"}', ours: null },
    ],
    [
      'one that was removed, whoever did that',
      template({ env: [] }),
      {
        path: '.spec.template.spec.containers[name="web"].env[name="MODE"]',
        manager: null,
        live: null,
        ours: '{"name":"MODE","value":"(hidden)"}',
      },
    ],
    ['a label', template({}, {}, { labels: { app: 'web', team: 'shop' } }), { path: '.spec.template.metadata.labels.team', live: 'shop' }],
    [
      'an annotation',
      template({}, {}, { labels: { app: 'web' }, annotations: { 'reloader.example/hash': 'abc' } }),
      { path: '.spec.template.metadata.annotations', live: '{"reloader.example/hash":"(hidden)"}' },
    ],
    [
      'a number',
      template({}, { terminationGracePeriodSeconds: 5 }),
      { path: '.spec.template.spec.terminationGracePeriodSeconds', live: '5' },
    ],
    [
      'the order of a list',
      template({}, { volumes: ['b', 'a'].map((name) => ({ name })) }),
      { path: '.spec.template.spec.volumes', live: '[{"name":"b"},{"name":"a"}]' },
    ],
  ])('is told by its path: %s', (_what, live, edit) => {
    const volumes = 'volumes' in (live as { spec: object }).spec ? { volumes: ['a', 'b'].map((name) => ({ name })) } : {};
    const [only, ...others] = edits(live, template({}, volumes), template({ image: 'web:2' }, volumes), []);
    expect(only).toMatchObject(edit);
    expect(others).toEqual([]);
  });

  it('is nothing where the new template has it too', () => {
    const live = template({ env: [{ name: 'CONFIG_HASH', value: 'abc' }] });
    expect(edits(live, template(), live, [])).toEqual([]);
    const more = template({
      env: [
        { name: 'CONFIG_HASH', value: 'abc' },
        { name: 'MORE', value: '1' },
      ],
    });
    expect(edits(live, template(), more, [])).toEqual([]);
  });

  it('is told with the manager that owns it, the latest of several', () => {
    const entries = [
      owned('slipway', 9, { 'f:image': {} }),
      owned('kubectl-set', 1, { 'f:image': {} }),
      owned('updater', 2, { '.': {}, 'f:image': {} }),
      owned('another', 3, { 'f:env': {} }),
    ];
    expect(edits(template({ image: 'hotfix:1' }), template(), template(), entries)).toMatchObject([{ manager: 'updater' }]);
  });

  const SECRET = 'hunter2';
  const probe = (request: object): object => ({ livenessProbe: { httpGet: { port: 80, ...request } } });
  const variables = ['DB_PASSWORD', 'DB_PWD', 'ACCESS_KEY', 'AUTH', 'SSH_KEY', 'DATABASE_URL', 'MODE'];
  it.each<[string, (secret: string) => object, object]>([
    ...variables.map((name): [string, (secret: string) => object, object] => [
      `the variable ${name}`,
      (value) => template({ env: [{ name, value }] }),
      { path: `.spec.template.spec.containers[name="web"].env[name="${name}"].value` },
    ]),
    ['an argument', (secret) => template({ args: [`--password=${secret}`] }), { path: '.spec.template.spec.containers[name="web"].args' }],
    ['a command', (secret) => template({ command: ['sh', '-c', `login ${secret}`] }), { live: '["(hidden)","(hidden)","(hidden)"]' }],
    ['a probe that is a command', (secret) => template({ livenessProbe: { exec: { command: [secret] } } }), {}],
    ['a hook', (secret) => template({ lifecycle: { preStop: { exec: { command: [secret] } } } }), {}],
    [
      'a header',
      (value) => template(probe({ httpHeaders: [{ name: 'X-Api-Key', value }] })),
      { live: '[{"name":"X-Api-Key","value":"(hidden)"}]' },
    ],
    ["a probe's path", (secret) => template(probe({ path: `/?token=${secret}` })), { live: '(hidden)' }],
    ["a probe's host", (secret) => template(probe({ host: secret })), { live: '(hidden)' }],
    ['an annotation', (hash) => template({}, {}, { annotations: { hash } }), { live: '(hidden)' }],
    ['an annotation with the name of a field', (image) => template({}, {}, { annotations: { image } }), { live: '(hidden)' }],
    [
      'an option of a driver',
      (name) => template({}, { volumes: [{ name: 'a', csi: { volumeAttributes: { name } } }] }),
      { live: '(hidden)' },
    ],
    ['a field that is not known', (secret) => template({ someday: { name: secret } }), { live: '(hidden)' }],
  ])('is not shown where it may be a secret: %s', (_what, from, edit) => {
    const [only, ...others] = edits(from(SECRET), from('other'), from('third'), []);
    expect(only).toMatchObject(edit);
    expect(others).toEqual([]);
    expect(JSON.stringify(only)).not.toMatch(/hunter2|third/);
  });

  it('is not shown where it may be a secret, in what is added as a whole', () => {
    const proxy = {
      name: 'proxy',
      image: 'proxy:1',
      args: [`--key=${SECRET}`],
      env: [
        { name: 'AUTH', value: SECRET },
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'main' } } },
      ],
      ports: [{ name: 'admin', containerPort: 9901 }],
    };
    const [only] = edits(template({}, { initContainers: [proxy] }), template(), template(), []);
    const { env, args } = { env: [{ name: 'AUTH', value: '(hidden)' }, proxy.env[1]], args: ['(hidden)'] };
    expect(only).toMatchObject({
      path: '.spec.template.spec.initContainers',
      live: `${JSON.stringify([{ ...proxy, args, env }]).slice(0, 197)}...`,
    });
    expect(JSON.stringify(only)).not.toContain(SECRET);
  });

  it.each<[string, object, string]>([
    ['a pull policy', template({ imagePullPolicy: 'Always' }), 'Always'],
    [
      'resources',
      template({ resources: { limits: { cpu: '2', 'example.com/gpu': '1' } } }),
      '{"limits":{"cpu":"2","example.com/gpu":"1"}}',
    ],
    [
      'ports',
      template({ ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }] }),
      '[{"name":"http","containerPort":80,"protocol":"TCP"}]',
    ],
    [
      'numbers of a probe',
      template({ livenessProbe: { periodSeconds: 5, tcpSocket: { port: 'http' } } }),
      '{"periodSeconds":5,"tcpSocket":{"port":"http"}}',
    ],
    [
      'volumes',
      template({}, { volumes: [{ name: 'a', secret: { secretName: 'keys' } }] }),
      '[{"name":"a","secret":{"secretName":"keys"}}]',
    ],
    [
      'a security context',
      template({ securityContext: { privileged: true, capabilities: { add: ['NET_ADMIN'] } } }),
      '{"privileged":true,"capabilities":{"add":["NET_ADMIN"]}}',
    ],
    ['a label, whatever its name', template({}, {}, { labels: { app: 'web', data: 'x' } }), 'x'],
    ['a value that is long, cut', template({ image: 'x'.repeat(1000) }), `${'x'.repeat(197)}...`],
  ])('is shown where it is no free text: %s', (_what, live, text) => {
    expect(edits(live, template(), template(), [])).toMatchObject([{ live: text }]);
  });

  it('is told without what may not be shown, also of names', () => {
    const env = [{ name: 'TOKEN', value: '1' }];
    const live = {
      live: template({ env }),
      base: template(),
      next: template(),
      managedFields: [owned('TOKEN', 1, { 'f:env': { 'k:{"name":"TOKEN"}': {} } })],
    };
    const told = editsOf({ ...live, publicText: (text) => text.replaceAll('TOKEN', 'x') });
    expect(told).toContainEqual(
      expect.objectContaining({ path: '.spec.template.spec.containers[name="web"].env[name="x"]', manager: 'x' }),
    );
    expect(JSON.stringify(told)).not.toContain('TOKEN');
  });

  it('is at most so much', () => {
    const env = Array.from({ length: 99 }, (_, i) => ({ name: `V${i}`, value: '1' }));
    const many = edits(template({ env }), template({ env: [{ name: 'MODE', value: 'fast' }] }), template(), []);
    const { differences, differenceCount } = listed(many);
    expect([differences?.length, differenceCount]).toEqual([MOST_DIFFERENCES, 100]);
  });
});

describe('what others have changed in an object around it', () => {
  const http = { name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' };
  const service = (spec: object): object => ({ spec: { ports: [http], selector: { app: 'web' }, ...spec } });
  const byMesh = (fields: object): object[] => [
    { manager: 'mesh', operation: 'Apply', time: '2026-01-01T00:00:00Z', fieldsV1: { 'f:spec': fields } },
  ];
  it.each<[string, object, object, object]>([
    [
      'a port that leads elsewhere',
      service({ ports: [{ ...http, targetPort: 9090 }] }),
      { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { 'f:targetPort': {} } } },
      { path: '.spec.ports[port=80,protocol="TCP"].targetPort', manager: 'mesh', live: '9090', ours: 'http' },
    ],
    [
      'one more port',
      service({ ports: [http, { name: 'admin', port: 81, protocol: 'TCP', targetPort: 81 }] }),
      { 'f:ports': { 'k:{"port":81,"protocol":"TCP"}': { '.': {} } } },
      {
        path: '.spec.ports[port=81,protocol="TCP"]',
        manager: 'mesh',
        live: '{"name":"admin","port":81,"protocol":"TCP","targetPort":81}',
        ours: null,
      },
    ],
    [
      'other pods',
      service({ selector: { app: 'other' } }),
      { 'f:selector': {} },
      { path: '.spec.selector.app', live: 'other', ours: 'web' },
    ],
    [
      'a field that is not ours',
      service({ sessionAffinity: 'ClientIP' }),
      {},
      { path: '.spec.sessionAffinity', manager: null, ours: null },
    ],
    ['what may be a secret', { ...service({}), data: { KEY: 'hunter2' } }, {}, { path: '.data', live: '{"KEY":"(hidden)"}', ours: null }],
  ])('is told by its path: %s', (_what, live, fields, edit) => {
    const compared = { live, base: service({}), next: service({}), managedFields: byMesh(fields), publicText: String };
    const [only, ...others] = objectEditsOf(compared);
    expect(only).toMatchObject(edit);
    expect(others).toEqual([]);
  });
});
