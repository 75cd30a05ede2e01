import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TemplateDocument } from '../../../src/templates/core/document.ts';
import { digestOf } from '../../../src/platform/canonical-json.ts';
import { schemaFaults } from '../../../src/templates/core/kubernetes.ts';
import { podFaults } from '../../../src/templates/core/pod.ts';
import { validateDocument } from '../../../src/templates/core/validate.ts';
import { readYaml } from '../../../src/templates/core/yaml/reader.ts';
import { render, type Rendering } from '../../../src/workloads/core/render.ts';
import { templateDigestOf, withRelease, withRestart } from '../../../src/workloads/core/restart.ts';
import { completeDocument, smallDocument } from '../../templates/core/documents.ts';

const workload = { id: '0190b8f0-0000-7000-8000-000000000001', name: 'checkout' };
const namespace = 'shop';
const values = { image: 'shop/web:1.4', password: 'shop-password' };

/** The document as it is once it was accepted. */
const accepted = (document: unknown): TemplateDocument => {
  const result = validateDocument(document, 'BASELINE');
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.document;
};
const rendered = (document: unknown, given: Record<string, unknown> = values, release: number | null = null): Rendering => {
  const result = render({ workload, namespace, release, document: accepted(document), values: given, podSecurity: 'BASELINE' });
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.rendering;
};
const faultsOf = (document: unknown, given: Record<string, unknown>) => {
  const result = render({ workload, namespace, release: null, document: accepted(document), values: given, podSecurity: 'BASELINE' });
  return 'faults' in result ? result.faults : [];
};
const objectOf = (rendering: Rendering, kind: string): any => rendering.objects.find((object) => object.kind === kind);
const ours = { 'app.kubernetes.io/managed-by': 'slipway', 'slipway.dev/workload': 'checkout', 'slipway.dev/workload-id': workload.id };
const selector = { 'slipway.dev/workload': 'checkout', 'slipway.dev/workload-id': workload.id };

describe('the smallest document', () => {
  it('becomes one Deployment, with every default', () => {
    const { objects, digest, templateDigest, replicas, strategy } = rendered(smallDocument(), {});
    expect(objects).toEqual([
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'checkout', namespace, labels: ours, annotations: { 'slipway.dev/template': templateDigest } },
        spec: {
          minReadySeconds: 0,
          progressDeadlineSeconds: 600,
          revisionHistoryLimit: 10,
          selector: { matchLabels: selector },
          strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
          template: { metadata: { labels: selector }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
        },
      },
    ]);
    expect(digest).toBe(digestOf(objects));
    expect(replicas).toBe(1);
    expect(strategy).toEqual({
      type: 'ROLLING',
      maxSurge: '25%',
      maxUnavailable: 0,
      steps: [],
      minReadySeconds: 0,
      progressDeadlineSeconds: 600,
      failureGraceSeconds: 15,
    });
  });
});

describe('a document with sections that are null', () => {
  it.each(['parameters', 'service', 'sidecars', 'config', 'strategy', 'selector', 'replicas', 'minReadySeconds'])(
    'renders as one without %s',
    (section) => {
      expect(rendered({ ...smallDocument(), [section]: null }, {})).toEqual(rendered(smallDocument(), {}));
    },
  );
});

describe('a document with one of everything', () => {
  const rendering = rendered(completeDocument());
  const deployment = objectOf(rendering, 'Deployment');

  it('becomes ConfigMaps, a Service and a Deployment, in this order, all ours', () => {
    expect(rendering.objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      expect.stringMatching(/^ConfigMap checkout-app-[0-9a-f]{10}$/),
      'Service checkout',
      'Deployment checkout',
    ]);
    for (const { metadata } of rendering.objects) expect(metadata).toMatchObject({ namespace, labels: ours });
  });

  it('puts values, defaults and types where they belong, and leaves out what is not set', () => {
    const { spec } = deployment.spec.template;
    expect(spec.containers[0]).toMatchObject({ image: 'shop/web:1.4', stdin: false, ports: [{ name: 'http', containerPort: 8080 }] });
    expect(spec.containers[0].env).toEqual([
      { name: 'PORT', value: 'port 8080' },
      { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'shop-password', key: 'password' } } },
    ]);
    expect(spec).not.toHaveProperty('terminationGracePeriodSeconds');
    expect(rendered(completeDocument(), { ...values, grace: 7 }).replicas).toBe(3);
    expect(
      objectOf(rendered(completeDocument(), { ...values, grace: 7 }), 'Deployment').spec.template.spec.terminationGracePeriodSeconds,
    ).toBe(7);
  });

  it('selects by its own selector and the id of the workload, and the pods bear both', () => {
    expect(deployment.spec.selector.matchLabels).toEqual({ app: 'web', 'slipway.dev/workload-id': workload.id });
    expect(objectOf(rendering, 'Service').spec.selector).toEqual({ app: 'web', 'slipway.dev/workload-id': workload.id });
    expect(deployment.spec.template.metadata.labels).toEqual({ app: 'web', team: 'shop', ...selector });
  });

  it('never holds the number of pods, which is written by other means', () => {
    expect(deployment.spec).not.toHaveProperty('replicas');
    expect(rendering.replicas).toBe(3);
  });

  it('resolves the strategy', () => {
    expect(rendering.strategy).toEqual({
      type: 'CANARY',
      maxSurge: '25%',
      maxUnavailable: 0,
      steps: [{ weight: 20 }, { pauseSeconds: 60 }, { weight: 50 }, { pause: true }],
      minReadySeconds: 5,
      progressDeadlineSeconds: 600,
      failureGraceSeconds: 15,
    });
    expect(deployment.spec).toMatchObject({ minReadySeconds: 5, progressDeadlineSeconds: 600 });
  });

  it('makes an immutable ConfigMap named by its content, which the pod mounts', () => {
    const { metadata, data, immutable } = objectOf(rendering, 'ConfigMap');
    expect({ data, immutable }).toEqual({ data: { 'app.yaml': 'level: info' }, immutable: true });
    expect(deployment.spec.template.spec.volumes).toContainEqual({ name: 'slipway-config-app', configMap: { name: metadata.name } });
    const other = rendered(completeDocument(), { ...values, logLevel: 'debug' });
    expect(objectOf(other, 'ConfigMap').metadata.name).not.toBe(metadata.name);
    expect(other.templateDigest).not.toBe(rendering.templateDigest);
  });

  it('names no ConfigMap as another workload names its own, however the two names of each are put together', () => {
    const nameIn = (of: string, config: string): string => {
      const document = accepted({ ...smallDocument(), config: [{ name: config, container: 'web', path: '/etc/app', files: { a: '1' } }] });
      const result = render({
        workload: { ...workload, name: of },
        namespace,
        release: null,
        document,
        values: {},
        podSecurity: 'BASELINE',
      });
      if ('faults' in result) throw new Error(JSON.stringify(result.faults));
      return objectOf(result.rendering, 'ConfigMap').metadata.name;
    };
    expect(nameIn('a', 'b-c')).toMatch(/^a-b-c-[0-9a-f]{10}$/);
    expect(nameIn('a', 'b-c')).not.toBe(nameIn('a-b', 'c'));
  });

  it('is a pod that would be accepted in itself', () => {
    expect(schemaFaults('PodTemplateSpec', deployment.spec.template, '')).toEqual([]);
    expect(podFaults({ ...deployment.spec.template, metadata: {} }, '')).toEqual([]);
  });
});

describe('digests', () => {
  const base = rendered(completeDocument());

  it('same input, same bytes, whatever the order of fields in the stored document', () => {
    const reversed = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(reversed)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([key, field]) => [key, reversed(field)]),
            )
          : value;
    expect(JSON.stringify(rendered(reversed(completeDocument())).objects)).toBe(JSON.stringify(base.objects));
  });

  it('the release is part of none of them, and stands on the Deployment alone', () => {
    const released = rendered(completeDocument(), values, 12);
    expect(released).toMatchObject({ digest: base.digest, templateDigest: base.templateDigest });
    expect(objectOf(released, 'Deployment').metadata.annotations).toEqual({
      'slipway.dev/template': base.templateDigest,
      'slipway.dev/release': '12',
    });
    expect(JSON.stringify(objectOf(released, 'Deployment').spec)).toBe(JSON.stringify(objectOf(base, 'Deployment').spec));
    expect(released.objects).toEqual(withRelease(base.objects, 12));
    expect(withRelease(base.objects, null)).toEqual(base.objects);
  });

  it('what is no part of the pod changes the digest, but not that of the template', () => {
    const document = completeDocument();
    document.service = { ports: [{ port: 81, targetPort: 'http' }] };
    document.minReadySeconds = 6;
    const changed = rendered(document);
    expect(changed.digest).not.toBe(base.digest);
    expect(changed.templateDigest).toBe(base.templateDigest);
  });

  it('the number of pods changes neither', () => {
    expect(rendered(completeDocument(), { ...values, replicas: 9 })).toEqual({ ...base, replicas: 9 });
  });

  it('a restart changes the template and its digest, and another restart again', () => {
    const once = withRestart(base.objects, '2026-01-01T00:00:00.000Z');
    const twice = withRestart(base.objects, '2026-01-02T00:00:00.000Z');
    const [deployment] = once.slice(-1) as any[];
    expect(deployment.spec.template.metadata.annotations['slipway.dev/restarted-at']).toBe('2026-01-01T00:00:00.000Z');
    expect(deployment.metadata.annotations['slipway.dev/template']).toBe(digestOf(deployment.spec.template));
    expect(new Set([templateDigestOf(base.objects), templateDigestOf(once), templateDigestOf(twice)]).size).toBe(3);
    expect(templateDigestOf(base.objects)).toBe(base.templateDigest);
    expect(withRestart(base.objects, null)).toEqual(base.objects);
    expect(templateDigestOf(withRestart(withRelease(base.objects, 3), '2026-01-01T00:00:00.000Z'))).toBe(templateDigestOf(once));
    expect(templateDigestOf([])).toBeNull();
  });
});

describe('values that make no valid rendering are named', () => {
  it('by their parameter, where they are not of its type or range', () => {
    expect(faultsOf(completeDocument(), { replicas: 0, image: 'x' })).toEqual([
      { pointer: '/values/replicas', detail: 'must be at least 1' },
      { pointer: '/values/password', detail: 'is required' },
    ]);
  });

  it('by their parameter, where their place does not take them', () => {
    expect(faultsOf(completeDocument(), { ...values, port: 9102 })).toEqual([
      {
        pointer: '/values',
        detail:
          'with these values, /sidecars/3/port clashes with a port of /pod/spec/containers/0: number 9102 and name "slipway-metrics" must be free',
      },
    ]);
  });

  it('where a parameter that is not set leaves a hole', () => {
    const document = {
      parameters: { path: { type: 'string' } },
      pod: { spec: { containers: [{ name: 'web', volumeMounts: [{ name: 'v', mountPath: '${{ params.path }}' }] }] } },
    };
    expect(faultsOf(document, {})).toEqual([
      { pointer: '/values/path', detail: 'with these values, /pod/spec/containers/0/volumeMounts/0/mountPath is required' },
    ]);
  });

  it('where a parameter asks for what Pod Security refuses', () => {
    const document = {
      parameters: { host: { type: 'boolean', default: false } },
      pod: { spec: { hostNetwork: '${{ params.host }}', containers: [{ name: 'web', image: 'x' }] } },
    };
    expect(faultsOf(document, { host: false })).toEqual([]);
    expect(faultsOf(document, { host: true })).toMatchObject([
      { pointer: '/values/host', detail: expect.stringContaining('Pod Security') },
    ]);
  });

  it.each<[string, object, unknown, string]>([
    ['a number', { livenessProbe: { periodSeconds: '${{ params.x }}' } }, 2 ** 31, 'livenessProbe/periodSeconds must have at most 32 bits'],
    ['a quantity', { resources: { limits: { cpu: '${{ params.x }}' } } }, '1 core', 'resources/limits/cpu must be a quantity'],
    ['an enum', { imagePullPolicy: '${{ params.x }}' }, 'always', 'imagePullPolicy must be one of Always, IfNotPresent, Never'],
  ])('where %s is one that the schema refuses', (_, fields, x, fault) => {
    const document = {
      parameters: { x: { type: typeof x === 'number' ? 'integer' : 'string', required: true } },
      pod: { spec: { containers: [{ name: 'web', image: 'x', ...fields }] } },
    };
    expect(faultsOf(document, { x })).toEqual([
      { pointer: '/values/x', detail: expect.stringContaining(`with these values, /pod/spec/containers/0/${fault}`) },
    ]);
  });

  it('where two names that come from values meet', () => {
    const document = {
      parameters: { a: { type: 'string', required: true }, b: { type: 'string', required: true } },
      pod: {
        spec: {
          containers: [
            { name: '${{ params.a }}', image: 'x' },
            { name: '${{ params.b }}', image: 'x' },
          ],
        },
      },
    };
    expect(faultsOf(document, { a: 'x', b: 'y' })).toEqual([]);
    expect(faultsOf(document, { a: 'x', b: 'x' })).toMatchObject([{ pointer: '/values/b' }]);
  });

  it('where an object grows too large for any cluster', () => {
    const document = {
      parameters: { text: { type: 'string', required: true } },
      pod: smallDocument().pod,
      config: [
        {
          name: 'app',
          container: 'web',
          path: '/x',
          files: Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`f${n}`, '${{ params.text }}'])),
        },
      ],
    };
    expect(faultsOf(document, { text: 'x'.repeat(10_000) })).toEqual([]);
    expect(faultsOf(document, { text: 'x'.repeat(60_000) })).toMatchObject([
      { pointer: '/values', detail: expect.stringMatching(/larger than 1 MiB/) },
    ]);
  });
});

describe('a long value in very many places', () => {
  it('is refused before it is put in, in a bounded time', () => {
    const args = Array.from({ length: 15_000 }, () => '${{ params.text }}${{ params.text }}');
    const document = {
      parameters: { text: { type: 'string', required: true } },
      pod: { spec: { containers: [{ name: 'web', image: 'x', args }] } },
    };
    const started = performance.now();
    expect(faultsOf(document, { text: 'x'.repeat(65_536) })).toEqual([
      { pointer: '/values', detail: 'render a document of more than 4194304 characters' },
    ]);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('hostile values', () => {
  const document = accepted({
    parameters: { text: { type: 'string', required: true }, other: { type: 'string', default: 'OTHER' } },
    pod: {
      metadata: { annotations: { whole: '${{ params.text }}' } },
      spec: { containers: [{ name: 'web', image: 'x', args: ['${{ params.text }}', 'a ${{ params.text }} b', '${{ params.other }}'] }] },
    },
    config: [{ name: 'app', container: 'web', path: '/etc/app', files: { 'app.yaml': 'level: ${{ params.text }}' } }],
  });
  const of = (text: string): Rendering => {
    const result = render({ workload, namespace, release: null, document, values: { text }, podSecurity: 'BASELINE' });
    if ('faults' in result) throw new Error(JSON.stringify(result.faults));
    return result.rendering;
  };
  /** The rendering with the declared places emptied, and the two things that follow from content alone. */
  const rest = (rendering: Rendering): unknown => {
    const [configMap, deployment] = structuredClone(rendering.objects) as any[];
    delete configMap.data['app.yaml'];
    configMap.metadata.name = '';
    const { template } = deployment.spec;
    delete template.metadata.annotations.whole;
    template.spec.containers[0].args.splice(0, 2);
    template.spec.volumes[0].configMap.name = '';
    deployment.metadata.annotations['slipway.dev/template'] = '';
    return { configMap, deployment };
  };
  const plain = rest(of('plain'));
  const nasty = fc.constantFrom(
    'x\n hostNetwork: true',
    '"], "hostNetwork": true, "a": ["',
    '${{ params.other }}',
    '${{ params.text }}',
    '}} ${{',
    '*alias',
    '&anchor x',
    '!!js/function',
    '- a\n- b',
    "'; DROP TABLE rollouts; --",
    '$(HOME) `id` $(id)',
    '{{ .Values.x }}',
    '__proto__',
    '\\u0022\\',
    '\u2028\r\n\t',
    '%s%n',
    '$&$1$`',
  );

  it('stay exactly what they are, in their declared places, and change nothing else', () => {
    const text = fc.oneof(
      nasty,
      fc.string({ unit: 'grapheme' }),
      fc.tuple(nasty, fc.string({ unit: 'grapheme' }), nasty).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(
        text.filter((one) => !one.includes('\0')),
        (one) => {
          const rendering = of(one);
          const deployment = objectOf(rendering, 'Deployment').spec.template;
          expect(deployment.metadata.annotations.whole).toBe(one);
          expect(deployment.spec.containers[0].args).toEqual([one, `a ${one} b`, 'OTHER']);
          expect(objectOf(rendering, 'ConfigMap').data).toEqual({ 'app.yaml': `level: ${one}` });
          expect(rest(rendering)).toEqual(plain);
          expect(of(one)).toEqual(rendering);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('different values never share a digest', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme-ascii' }), { minLength: 2, maxLength: 2 }), (two) => {
        const [one, other] = two.map((text) => of(text));
        expect(one?.templateDigest).not.toBe(other?.templateDigest);
        expect(objectOf(one as Rendering, 'ConfigMap').metadata.name).not.toBe(objectOf(other as Rendering, 'ConfigMap').metadata.name);
      }),
    );
  });
});

describe('the example of the README', () => {
  const reading = readYaml(readFileSync(new URL('../../../examples/shop.yaml', import.meta.url), 'utf8'));
  if ('faults' in reading) throw new Error(JSON.stringify(reading.faults));
  const { document } = reading;

  it('is a valid template, and renders with its defaults', () => {
    const rendering = rendered(document, {});
    expect(rendering.objects.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Service', 'Deployment']);
    expect(rendering.strategy.type).toBe('CANARY');
    expect(objectOf(rendering, 'Deployment').spec.template.spec.initContainers.map((one: any) => one.name)).toEqual([
      'migrate',
      'slipway-logging-web-1',
      'slipway-monitoring-web-1',
    ]);
  });

  it('takes an image, a number of pods and a log level', () => {
    const rendering = rendered(document, { image: 'busybox:1.37', replicas: 6, logLevel: 'debug' });
    expect(rendering.replicas).toBe(6);
    expect(objectOf(rendering, 'Deployment').spec.template.spec.containers[0].image).toBe('busybox:1.37');
    expect(objectOf(rendering, 'ConfigMap').data['shop.yaml']).toBe('logLevel: debug\n');
  });
});
