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
      { path: '.spec.template.spec.containers[name="web"].env[name="X"]', live: '{"name":"X","value":"1"}', ours: null },
    ],
    [
      'one that was removed, whoever did that',
      template({ env: [] }),
      {
        path: '.spec.template.spec.containers[name="web"].env[name="MODE"]',
        manager: null,
        live: null,
        ours: '{"name":"MODE","value":"fast"}',
      },
    ],
    ['a label', template({}, {}, { labels: { app: 'web', team: 'shop' } }), { path: '.spec.template.metadata.labels.team', live: 'shop' }],
    [
      'an annotation',
      template({}, {}, { labels: { app: 'web' }, annotations: { 'reloader.example/hash': 'abc' } }),
      { path: '.spec.template.metadata.annotations', live: '{"reloader.example/hash":"abc"}' },
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

  it('is not shown where it is the value of a secret, and cut where it is long', () => {
    const env = [
      { name: 'DB_PASSWORD', value: 'hunter2' },
      { name: 'MODE', value: 'x'.repeat(1000) },
    ];
    const edits = editsOf(template({ env }), template({ env: [{ name: 'DB_PASSWORD', value: 'old' }] }), template({ env: [] }), [], String);
    expect(JSON.stringify(edits)).not.toContain('hunter2');
    expect(edits).toMatchObject([{ live: '(hidden)' }, { live: expect.stringMatching(/^.{197}\.\.\.$/) as string }]);
    const added = editsOf(template({ env }), template({ env: [] }), template({ env: [] }), [], String);
    expect(JSON.stringify(added)).not.toContain('hunter2');
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
    data: { API_TOKEN: 'abc', list: ['a', 'b'] },
  };
  const live = {
    metadata: { labels: { app: 'web', 'example.com/tier': 'back' }, finalizers: ['x.example/y'] },
    spec: { ports: [{ port: 80, protocol: 'TCP', targetPort: 'http' }] },
    data: { API_TOKEN: 'def' },
  };
  it.each([
    ['.spec.ports[port=80,protocol="TCP"].targetPort', 'http', '8080'],
    ['.metadata.labels.example.com/tier', 'back', 'front'],
    ['.metadata.finalizers[="x.example/y"]', 'x.example/y', null],
    ['.data.list[1]', null, 'b'],
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
