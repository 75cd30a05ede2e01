import { describe, expect, it } from 'vitest';
import type { TemplateDocument } from '../../../src/templates/core/document.ts';
import { findingsOf, ordered, secretNotes } from '../../../src/workloads/core/dry-run.ts';
import { pathIn } from '../../../src/workloads/core/field-path.ts';
import { placeOf, type Rendered } from '../../../src/workloads/core/places.ts';
import { render, resolveDocument } from '../../../src/workloads/core/render.ts';

const document = {
  parameters: { first: { type: 'string' }, image: { type: 'string', default: 'x' } },
  pod: {
    metadata: { labels: { team: 'shop' } },
    spec: {
      initContainers: [{ name: 'migrate', image: 'x' }],
      containers: [
        {
          name: 'web',
          image: '${{ params.image }}',
          args: ['${{ params.first }}', 'b', 'c'],
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    },
  },
  sidecars: [
    { pattern: 'monitoring', image: 'x', container: 'web', port: 9102 },
    { pattern: 'logging', image: 'x', container: 'web', path: '/var/log' },
  ],
  config: [
    { name: 'a', files: { x: '1' }, container: 'web', path: '/etc/a' },
    { name: 'b', files: { 'y.z': '2' }, container: 'web', path: '/etc/b' },
  ],
  service: { ports: [{ port: 80 }] },
  strategy: { maxSurge: 1 },
} as unknown as TemplateDocument;

function rendered(values: Record<string, unknown> = {}): Rendered {
  const podSecurity = 'BASELINE';
  const resolved = resolveDocument(document, values, podSecurity);
  const result = render({ workload: { id: 'w', name: 'web' }, namespace: 'shop', release: null, document, values, podSecurity });
  if ('faults' in resolved || 'faults' in result) throw new Error('cannot be rendered');
  return { document, values: resolved.values, resolved: resolved.document, podSecurity, objects: result.rendering.objects };
}
const one = (kind: string, index = 0) => rendered().objects.filter((object) => object.kind === kind)[index]!;

describe('a field of a rendered object comes from a place of the document', () => {
  const spec = 'spec.template.spec';
  it.each([
    [`${spec}.containers[0].image`, '/pod/spec/containers/0/image'],
    [`.${spec}.containers[name="web"].image`, '/pod/spec/containers/0/image'],
    [`${spec}.containers[0].resources.limits[cpu]`, '/pod/spec/containers/0/resources/limits/cpu'],
    [`${spec}.containers[0].volumeMounts[0].name`, '/pod/spec/containers/0/volumeMounts/0/name'],
    [`${spec}.containers[0].volumeMounts[1].mountPath`, '/sidecars/1'],
    [`${spec}.containers[0].volumeMounts[3].mountPath`, '/config/1'],
    [`${spec}.containers[0].volumeMounts.subPath`, '/pod/spec/containers/0/volumeMounts'],
    [`${spec}.initContainers[0].image`, '/pod/spec/initContainers/0/image'],
    [`${spec}.initContainers[1].image`, '/sidecars/0'],
    [`.${spec}.initContainers[name="slipway-logging-web-1"].restartPolicy`, '/sidecars/1'],
    [`${spec}.volumes[0].name`, '/pod/spec/volumes/0/name'],
    [`${spec}.volumes[1].emptyDir`, '/sidecars/1'],
    [`${spec}.volumes[2].configMap`, '/config/0'],
    [`${spec}.nonsense`, '/pod/spec/nonsense'],
    ['spec.template.labels', '/pod/metadata/labels'],
    ['spec.template.metadata.labels', '/pod/metadata/labels'],
    ['spec.template.annotations', '/pod/metadata/annotations'],
    ['spec.strategy.rollingUpdate.maxSurge', '/strategy/maxSurge'],
    ['spec.minReadySeconds', '/minReadySeconds'],
    ['spec.progressDeadlineSeconds', '/strategy/progressDeadlineSeconds'],
    ['metadata.name', ''],
    ['', ''],
  ])('%s of the Deployment: %s', (field, pointer) => {
    const result = rendered();
    expect(
      placeOf(
        result,
        result.objects.find(({ kind }) => kind === 'Deployment')!,
        field,
      ),
    ).toBe(pointer);
  });

  it.each([
    ['Service', 0, 'spec.ports[0].port', '/service/ports/0/port'],
    ['Service', 0, 'spec.clusterIPs[0]', '/service/clusterIP'],
    ['ConfigMap', 1, 'data[y.z]', '/config/1/files/y.z'],
    ['ConfigMap', 0, 'metadata.name', '/config/0'],
  ])('%s %i: %s is %s', (kind, index, field, pointer) => {
    const result = rendered();
    expect(placeOf(result, result.objects.filter((object) => object.kind === kind)[index]!, field)).toBe(pointer);
  });

  it('entries that are not rendered are counted', () => {
    const of = (values: Record<string, unknown>) => {
      const result = rendered(values);
      return placeOf(
        result,
        result.objects.find(({ kind }) => kind === 'Deployment')!,
        `${spec}.containers[0].args[1]`,
      );
    };
    expect(of({ first: 'a' })).toBe('/pod/spec/containers/0/args/1');
    expect(of({})).toBe('/pod/spec/containers/0/args/2');
  });

  it('whatever text a cluster sends', () => {
    for (const field of ['[', ']', '..', 'spec..[', '[[0]]', 'spec[0][1]', `spec${'.a'.repeat(500)}`, '__proto__.constructor'])
      expect(() => pathIn(one('Deployment'), field)).not.toThrow();
  });
});

describe('what a cluster says of a dry run', () => {
  const refusal = (change: object) => ({ kind: 'INVALID' as const, message: 'no', advice: 'Do this.', causes: [], ...change });
  const find = (change: object, kind = 'Deployment') => {
    const result = rendered();
    return findingsOf(
      result,
      result.objects.find((object) => object.kind === kind)!,
      refusal(change),
    );
  };

  it('is a fault at each place that it blames', () => {
    const causes = [
      { field: 'spec.template.spec.containers[0].name', message: 'Required value' },
      { field: 'spec.template.spec.volumes[1].name', message: 'Invalid value' },
    ];
    expect(find({ causes })).toEqual([
      { kind: 'FAULT', pointer: '/pod/spec/containers/0/name', detail: 'Required value' },
      { kind: 'FAULT', pointer: '/sidecars/1', detail: 'Invalid value' },
    ]);
  });

  it('is a fault where an older version does not know a field', () => {
    const message =
      'failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): errors:\n  .spec.template.spec.hostnameOverride: field not declared in schema\n' +
      '  .spec.template.spec.containers[name="web"].restartPolicyRules: field not declared in schema';
    expect(find({ message })).toEqual([
      { kind: 'FAULT', pointer: '/pod/spec/hostnameOverride', detail: 'field not declared in schema' },
      { kind: 'FAULT', pointer: '/pod/spec/containers/0/restartPolicyRules', detail: 'field not declared in schema' },
    ]);
  });

  it('is a fault of the whole where it names no place', () => {
    const message = 'admission webhook "x" denied the request: no';
    expect(find({ kind: 'ADMISSION_DENIED', message })).toEqual([{ kind: 'FAULT', pointer: '', detail: message }]);
    expect(find({ message }, 'Service')).toEqual([{ kind: 'FAULT', pointer: '/service', detail: message }]);
  });

  it.each(['FORBIDDEN', 'NAMESPACE_MISSING', 'QUOTA_EXCEEDED', 'UNREACHABLE', 'UNAUTHENTICATED', 'THROTTLED', 'SERVER'])(
    '%s is about the cluster alone',
    (kind) => {
      expect(find({ kind })).toEqual([{ kind: 'CLUSTER', pointer: '', detail: 'no Do this.' }]);
    },
  );

  it('is a note where it is in use by another', () => {
    const causes = [{ field: 'spec.ports[0].nodePort', message: 'Invalid value: 30000: provided port is already allocated' }];
    expect(find({ causes }, 'Service')).toMatchObject([{ kind: 'NOTE', pointer: '/service/ports/0/nodePort' }]);
  });

  it('each once, faults first, and no more than are kept', () => {
    const of = (kind: 'FAULT' | 'CLUSTER' | 'NOTE', detail: string) => ({ kind, pointer: '', detail });
    const all = [of('NOTE', 'a'), of('CLUSTER', 'b'), of('FAULT', 'c'), of('CLUSTER', 'b')];
    expect(ordered(all).map(({ detail }) => detail)).toEqual(['c', 'b', 'a']);
    expect(ordered(Array.from({ length: 80 }, (_, n) => of('FAULT', String(n))))).toHaveLength(50);
  });
});

describe('Secrets that a pod refers to', () => {
  it('are each noted at their place', () => {
    const pod = {
      spec: {
        imagePullSecrets: [{ name: 'pull' }],
        containers: [
          {
            name: 'web',
            image: 'x',
            env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'env', key: 'a' } } }],
            envFrom: [{ secretRef: { name: 'from' } }],
          },
        ],
        volumes: [
          { name: 'a', secret: { secretName: 'volume' } },
          { name: 'b', projected: { sources: [{ secret: { name: 'part' } }] } },
        ],
      },
    };
    const resolved = resolveDocument({ pod }, {}, 'BASELINE');
    const result = render({
      ...{ workload: { id: 'w', name: 'web' }, namespace: 'shop', release: null, values: {}, podSecurity: 'BASELINE' as const },
      document: { pod },
    });
    if ('faults' in resolved || 'faults' in result) throw new Error('cannot be rendered');
    const all: Rendered = {
      ...{ document: { pod }, values: {}, resolved: resolved.document, podSecurity: 'BASELINE' as const },
      objects: result.rendering.objects,
    };
    expect(
      secretNotes(all)
        .map(({ pointer, detail }) => `${pointer} ${detail.split(' ').at(-2)}`)
        .sort(),
    ).toEqual([
      '/pod/spec/containers/0/env/0/valueFrom/secretKeyRef/name env',
      '/pod/spec/containers/0/envFrom/0/secretRef/name from',
      '/pod/spec/imagePullSecrets/0/name pull',
      '/pod/spec/volumes/0/secret/secretName volume',
      '/pod/spec/volumes/1/projected/sources/0/secret/name part',
    ]);
  });
});
