import { describe, expect, it } from 'vitest';
import { listed, MOST_DIFFERENCES } from '../../../../src/rollouts/core/failure.ts';
import { conflictsOf, editsOf } from '../../../../src/rollouts/core/live/edits.ts';

const template = (container: object = {}, spec: object = {}, metadata: object = { labels: { app: 'web' } }): object => ({
  metadata,
  spec: { containers: [{ name: 'web', image: 'web:1', env: [{ name: 'MODE', value: 'fast' }], ...container }], ...spec },
});

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
    const [only, ...others] = editsOf(live, template({}, volumes), template({ image: 'web:2' }, volumes), [], String);
    expect(only).toMatchObject(edit);
    expect(others).toEqual([]);
  });

  it('is nothing where the new template has it too', () => {
    const live = template({ env: [{ name: 'CONFIG_HASH', value: 'abc' }] });
    expect(editsOf(live, template(), live, [], String)).toEqual([]);
    const more = template({
      env: [
        { name: 'CONFIG_HASH', value: 'abc' },
        { name: 'MORE', value: '1' },
      ],
    });
    expect(editsOf(live, template(), more, [], String)).toEqual([]);
  });

  it('is told with the manager that owns it, the latest of several', () => {
    const entries = [
      owned('slipway', 9, { 'f:image': {} }),
      owned('kubectl-set', 1, { 'f:image': {} }),
      owned('updater', 2, { '.': {}, 'f:image': {} }),
      owned('another', 3, { 'f:env': {} }),
    ];
    expect(editsOf(template({ image: 'hotfix:1' }), template(), template(), entries, String)).toMatchObject([{ manager: 'updater' }]);
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
    const [only, ...others] = editsOf(from(SECRET), from('other'), from('third'), [], String);
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
    const [only] = editsOf(template({}, { initContainers: [proxy] }), template(), template(), [], String);
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
    expect(editsOf(live, template(), template(), [], String)).toMatchObject([{ live: text }]);
  });

  it('is at most so much', () => {
    const env = Array.from({ length: 99 }, (_, i) => ({ name: `V${i}`, value: '1' }));
    const edits = editsOf(template({ env }), template({ env: [{ name: 'MODE', value: 'fast' }] }), template(), [], String);
    const { differences, differenceCount } = listed(edits);
    expect([differences?.length, differenceCount]).toEqual([MOST_DIFFERENCES, 100]);
  });
});

describe('what others own of an object that is applied', () => {
  const ours = {
    metadata: { labels: { app: 'web', 'example.com/tier': 'front' } },
    spec: { ports: [{ port: 80, targetPort: 8080 }], clusterIP: null },
    data: { API_TOKEN: 'abc', name: 'mine', list: ['a', 'b'] },
  };
  const live = {
    metadata: { labels: { app: 'web', 'example.com/tier': 'back' }, finalizers: ['x.example/y'] },
    spec: { ports: [{ port: 80, protocol: 'TCP', targetPort: 'http' }] },
    data: { API_TOKEN: 'def', name: 'theirs' },
  };
  it.each([
    ['.spec.ports[port=80,protocol="TCP"].targetPort', 'http', '8080'],
    ['.metadata.labels.example.com/tier', 'back', 'front'],
    ['.metadata.finalizers[="x.example/y"]', 'x.example/y', null],
    ['.data.list[1]', null, '(hidden)'],
    ['.data.name', '(hidden)', '(hidden)'],
    ['.data.API_TOKEN', '(hidden)', '(hidden)'],
    ['.spec.ports[port=81,protocol="TCP"].targetPort', null, null],
    ['.spec.clusterIP', null, 'null'],
    ['.nothing.here', null, null],
    ['not a path', null, null],
  ])('is told by the path that the cluster names: %s', (field, theirs, mine) => {
    expect(conflictsOf(live, ours, [{ field, manager: 'mesh' }], String)).toEqual([
      { path: field, manager: 'mesh', live: theirs, ours: mine },
    ]);
  });
});
