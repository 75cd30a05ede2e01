import { describe, expect, it } from 'vitest';
import { validateDocument } from '../../../src/templates/core/validate.ts';
import { completeDocument, smallDocument, type Complete } from './documents.ts';
import { JUDGED, judgedDocument } from './judged.ts';

/** Why server-side apply refuses two entries with one key. */
const MERGED = ', by which server-side apply tells entries apart';

const faultsOf = (document: unknown): string[] => {
  const result = validateDocument(document, 'BASELINE');
  return 'faults' in result ? result.faults.map(({ pointer, detail }) => `${pointer ?? ''} ${detail}`) : [];
};
const changed = (change: (document: Complete) => void): unknown => {
  const document = completeDocument();
  change(document);
  return document;
};
const web = (document: Complete) => document.pod.spec.containers as any as { [field: string]: any }[];

describe('a document in which nothing is wrong', () => {
  it.each([
    ['with one of everything', completeDocument()],
    ['with a pod alone', smallDocument()],
    ['with sections that are null', { ...smallDocument(), parameters: null, sidecars: null, service: null }],
    ['as exported, with nulls in the pod', changed((d) => (d.pod.metadata = { ...d.pod.metadata, creationTimestamp: null } as never))],
    ['with a volume whose source is not said', changed((d) => (d.pod.spec.volumes = [{ name: 'data', emptyDir: null }]))],
    ['with a placeholder for a quantity', changed((d) => ((web(d)[1] as any).resources = { requests: { cpu: '${{ params.port }}' } }))],
    ['with strategy numbers from parameters', changed((d) => (d.strategy.steps = [{ weight: '${{ params.replicas }}' }]))],
  ])('%s is given back as it was', (_, document) => {
    expect(validateDocument(document, 'BASELINE')).toEqual({ document });
  });
});

describe('shape: what is wrong is named at its pointer', () => {
  it.each<[string, (document: Complete) => void, string]>([
    ['an unknown section', (d) => Object.assign(d, { pdo: {} }), '/pdo is not a field'],
    ['a section that does not exist yet', (d) => Object.assign(d, { autoscaling: { minReplicas: 3 } }), '/autoscaling is not a field'],
    ['another', (d) => Object.assign(d, { disruptionBudget: { maxUnavailable: 1 } }), '/disruptionBudget is not a field'],
    ['and another', (d) => Object.assign(d, { objects: [] }), '/objects is not a field'],
    ['no pod', (d) => delete (d as any).pod, '/pod is required'],
    ['a pod that is a list', (d) => ((d as any).pod = []), '/pod must be an object'],
    ['replicas below zero', (d) => (d.replicas = -1), '/replicas must be at least 0'],
    ['replicas as text', (d) => (d.replicas = '3'), '/replicas must be an integer'],
    ['replicas as a fraction', (d) => (d.replicas = 1.5), '/replicas must be an integer'],
    [
      'replicas from a string',
      (d) => (d.replicas = '${{ params.image }}'),
      '/replicas must be of type integer, but ${{ params.image }} is of type string',
    ],
    ['minReadySeconds as text', (d) => (d.minReadySeconds = 'soon'), '/minReadySeconds must be an integer'],
    ['a selector without labels', (d) => (d.selector = {}), '/selector must name at least one label'],
    ['a selector that is no label', (d) => (d.selector = { app: 'a b' }), '/selector/app must be the value of a label'],
    [
      'a selector from a parameter',
      (d) => (d.selector = { app: '${{ params.image }}' }),
      '/selector/app cannot be a placeholder: it must be fixed in the template',
    ],
    [
      'an unknown pattern',
      (d) => (d.sidecars[0] = { pattern: 'ambassador' }),
      '/sidecars/0/pattern must be one of logging, configUpdater, contentSync, monitoring',
    ],
    ['a sidecar without image', (d) => delete d.sidecars[0]!.image, '/sidecars/0/image is required'],
    ['a port for logging', (d) => (d.sidecars[0]!.port = 1), '/sidecars/0/port is not a field'],
    ['a path for monitoring', (d) => (d.sidecars[3]!.path = '/x'), '/sidecars/3/path is not a field'],
    [
      'a relative path',
      (d) => (d.sidecars[0]!.path = 'var/log'),
      '/sidecars/0/path must be an absolute path other than "/", without ":", ".." and control characters',
    ],
    ['a port out of range', (d) => (d.sidecars[3]!.port = 70_000), '/sidecars/3/port must be at most 65535'],
    [
      'a container from a parameter',
      (d) => (d.sidecars[0]!.container = '${{ params.note }}'),
      '/sidecars/0/container cannot be a placeholder: it must be fixed in the template',
    ],
    ['a config without files', (d) => (d.config[0]!.files = {}), '/config/0/files must contain at least one file'],
    [
      'a file outside its folder',
      (d) => (d.config[0]!.files = { '../x': '' }),
      '/config/0/files/..~1x must be a file name of letters, digits, "-", "_" and "."',
    ],
    [
      'a file name too long',
      (d) => (d.config[0]!.files = { ['x'.repeat(254)]: '' }),
      `/config/0/files/${'x'.repeat(254)} must have at most 253 characters`,
    ],
    ['a file name that is empty', (d) => (d.config[0]!.files = { '': '' }), '/config/0/files/ must not be empty'],
    ['a sidecar that is null', (d) => ((d as any).sidecars = [null]), '/sidecars/0 must be an object'],
    ['a sidecar that is text', (d) => ((d as any).sidecars = ['logging']), '/sidecars/0 must be an object'],
    ['a sidecar without pattern', (d) => ((d as any).sidecars = [{}]), '/sidecars/0/pattern is required'],
    ['a file that is no text', (d) => (d.config[0]!.files = { a: 1 }), '/config/0/files/a must be a string, but is 1: quote it'],
    ['a path that is null', (d) => (d.config[0]!.path = null as never), '/config/0/path must be a string'],
    ['a config name too long', (d) => (d.config[0]!.name = 'x'.repeat(41)), '/config/0/name must have at most 40 characters'],
    [
      'a config name in upper case',
      (d) => (d.config[0]!.name = 'App'),
      '/config/0/name must consist of lower-case letters, digits and "-", and begin and end with a letter or digit',
    ],
    [
      'an unknown type of parameter',
      (d) => ((d.parameters as any).image.type = 'text'),
      '/parameters/image/type must be one of string, integer, number, boolean, secretRef',
    ],
    ['a pattern in a parameter', (d) => ((d.parameters as any).image.pattern = '.*'), '/parameters/image/pattern is not a field'],
    [
      'a parameter name with a dash',
      (d) => ((d.parameters as any)['log-level'] = { type: 'string' }),
      '/parameters/log-level must be a name of letters, digits and "_", beginning with a letter',
    ],
  ])('%s', (_, change, fault) => {
    expect(faultsOf(changed(change))).toEqual([fault]);
  });

  it.each(['/', '//', '/.', '/./', '/\n', '/a/../b', '/a/..', '/a:b', '/a\nb', '/a\u0085', ''])(
    'the path %j is none to mount at',
    (path) => {
      const wanted =
        path === '' ? 'must not be empty' : 'must be an absolute path other than "/", without ":", ".." and control characters';
      expect(faultsOf(changed((d) => (d.sidecars[0]!.path = path)))).toEqual([`/sidecars/0/path ${wanted}`]);
      expect(faultsOf(changed((d) => (d.config[0]!.path = path)))).toEqual([`/config/0/path ${wanted}`]);
    },
  );

  it.each(['/a', '/a/', '//a', '/./a', '/a/..b', '/a b', '/...'])('the path %j is one to mount at', (path) => {
    expect(faultsOf(changed((d) => (d.sidecars[0]!.path = path)))).toEqual([]);
  });

  it.each([[null], [[]], ['pod'], [3]])('%j is no document', (document) => {
    expect(faultsOf(document)).toEqual([' must be an object: a template with at least a pod']);
  });
});

describe('whatever stands wherever', () => {
  const junk = [
    null,
    true,
    0,
    -1,
    0.5,
    1e300,
    '',
    'x',
    'x'.repeat(5000),
    [],
    [null],
    ['x'],
    {},
    { '': null },
    { x: {} },
    { ['x'.repeat(300)]: '' },
  ];
  /** Every place of a value, its own first. */
  const placesIn = (value: unknown): (string | number)[][] =>
    typeof value === 'object' && value !== null
      ? [[], ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner).map((rest) => [key, ...rest]))]
      : [[]];
  const placed = (value: any, [key, ...rest]: (string | number)[], put: unknown): unknown =>
    key === undefined ? put : Object.assign(Array.isArray(value) ? [...value] : { ...value }, { [key]: placed(value[key], rest, put) });

  it('is refused in our own words, or not at all', () => {
    for (const place of placesIn(completeDocument()))
      for (const put of junk)
        for (const fault of faultsOf(placed(completeDocument(), place, put)))
          expect(fault).not.toMatch(/expected|Too (big|small)|Invalid|Unrecognized/i);
  });
});

describe('parameters and placeholders', () => {
  it.each<[string, (document: Complete) => void, string]>([
    [
      'a default of the wrong type',
      (d) => ((d.parameters.replicas as any).default = '3'),
      '/parameters/replicas/default must be an integer',
    ],
    ['a default out of range', (d) => (d.parameters.replicas.default = 500), '/parameters/replicas/default must be at most 200'],
    [
      'a default outside the enum',
      (d) => (d.parameters.logLevel.default = 'loud'),
      '/parameters/logLevel/default must be one of debug, info, warn',
    ],
    ['an enum of another type', (d) => ((d.parameters.logLevel as any).enum = ['info', 2]), '/parameters/logLevel/enum/1 must be a string'],
    [
      'a minimum for a text',
      (d) => Object.assign(d.parameters.image, { minimum: 1 }),
      '/parameters/image/minimum is only allowed for integer and number',
    ],
    [
      'a maximum below the minimum',
      (d) => Object.assign(d.parameters.grace, { minimum: 5, maximum: 1 }),
      '/parameters/grace/maximum must be at least the minimum, 5',
    ],
    [
      'an undeclared parameter',
      (d) => (web(d)[1]!.image = '${{ params.imgae }}'),
      '/pod/spec/containers/1/image refers to the parameter "imgae", which is not declared',
    ],
    [
      'an undeclared one inside a text',
      (d) => (web(d)[1]!.image = 'x:${{ params.tag }}'),
      '/pod/spec/containers/1/image refers to the parameter "tag", which is not declared',
    ],
    [
      'the name of an inherited field',
      (d) => (web(d)[1]!.image = '${{ params.constructor }}'),
      '/pod/spec/containers/1/image refers to the parameter "constructor", which is not declared',
    ],
    [
      'another language',
      (d) => (web(d)[1]!.image = '${{ env.IMAGE }}'),
      '/pod/spec/containers/1/image contains "${{" but is not a placeholder: write ${{ params.name }}, or pass the text as the value of a parameter',
    ],
    [
      'a placeholder left open',
      (d) => (web(d)[1]!.image = 'a${{ params.image'),
      '/pod/spec/containers/1/image contains "${{" but is not a placeholder: write ${{ params.name }}, or pass the text as the value of a parameter',
    ],
    [
      'a placeholder as a name',
      (d) => (d.pod.metadata.labels = { '${{ params.note }}': 'x' }),
      '/pod/metadata/labels/${{ params.note }} is a name, but placeholders are only allowed in values',
    ],
    [
      'one that may be unset inside a text',
      (d) => (web(d)[1]!.image = 'x:${{ params.note }}'),
      '/pod/spec/containers/1/image uses "note" inside a text, so it must always have a value: make the parameter required or give it a default',
    ],
    [
      'a text where Kubernetes wants a number',
      (d) => (web(d)[0]!.ports[0].containerPort = '${{ params.image }}'),
      '/pod/spec/containers/0/ports/0/containerPort must be of type integer, but ${{ params.image }} is of type string',
    ],
    [
      'a number where Kubernetes wants a text',
      (d) => (web(d)[1]!.image = '${{ params.port }}'),
      '/pod/spec/containers/1/image must be of type string, but ${{ params.port }} is of type integer',
    ],
    [
      'text around a number',
      (d) => (web(d)[0]!.ports[0].containerPort = '80${{ params.port }}'),
      '/pod/spec/containers/0/ports/0/containerPort must be of type integer, but 80${{ params.port }} is of type string',
    ],
    [
      'a value where Kubernetes wants an object',
      (d) => (web(d)[1]!.resources = '${{ params.image }}'),
      '/pod/spec/containers/1/resources must be an object, which a parameter cannot be',
    ],
    [
      'a default that does not fit its place',
      (d) => (web(d)[1]!.imagePullPolicy = '${{ params.logLevel }}'),
      '/pod/spec/containers/1/imagePullPolicy must be one of Always, IfNotPresent, Never, but ${{ params.logLevel }} may be "debug"',
    ],
    [
      'a default that no weight can be',
      (d) => ((d.strategy.steps as any)[0] = { weight: '${{ params.port }}' }),
      '/strategy/steps/0/weight must be at most 100, but ${{ params.port }} may be 8080',
    ],
  ])('%s', (_, change, fault) => {
    expect(faultsOf(changed(change))).toEqual([fault]);
  });
});

describe("the pod and the service, by Kubernetes' own schema", () => {
  it.each<[string, (document: Complete) => void, string]>([
    ['an unknown field', (d) => (web(d)[0]!.imagePullPolice = 'Always'), '/pod/spec/containers/0/imagePullPolice is not a field'],
    ['an unknown field of the template', (d) => ((d.pod as any).kind = 'Pod'), '/pod/kind is not a field'],
    [
      'a wrong type',
      (d) => (web(d)[0]!.ports[0].containerPort = 'http'),
      '/pod/spec/containers/0/ports/0/containerPort must be an integer',
    ],
    [
      'a number for a text',
      (d) => (web(d)[0]!.env[0].value = 1),
      '/pod/spec/containers/0/env/0/value must be a string, but is 1: quote it',
    ],
    ['a list for an object', (d) => (web(d)[1]!.resources = []), '/pod/spec/containers/1/resources must be an object'],
    ['an object for a list', (d) => (web(d)[1]!.command = { a: 1 }), '/pod/spec/containers/1/command must be a list'],
    [
      'a value outside the enum',
      (d) => (web(d)[0]!.ports[0].protocol = 'tcp'),
      '/pod/spec/containers/0/ports/0/protocol must be one of SCTP, TCP, UDP',
    ],
    [
      'no quantity',
      (d) => (web(d)[0]!.resources.requests.cpu = '100 m'),
      '/pod/spec/containers/0/resources/requests/cpu must be a quantity such as 500m or 64Mi',
    ],
    ['more than 32 bits', (d) => (d.pod.spec.priority = 3_000_000_000), '/pod/spec/priority must have at most 32 bits, 2147483647 at most'],
    ['a missing field', (d) => delete web(d)[1]!.name, '/pod/spec/containers/1/name is required'],
    ['no containers', (d) => delete (d.pod.spec as any).containers, '/pod/spec/containers is required'],
    ['a service with an unknown field', (d) => (d.service.port = 80), '/service/port is not a field'],
    ['a service port as text', (d) => ((d.service.ports as any)[0].port = '80'), '/service/ports/0/port must be an integer'],
    [
      'a fraction for int-or-string',
      (d) => ((d.service.ports as any)[0].targetPort = 1.5),
      '/service/ports/0/targetPort must be an integer or a string',
    ],
    [
      'two variables of one name',
      (d) => web(d)[0]!.env.push({ name: 'PORT', value: 'x' }),
      `/pod/spec/containers/0/env/2/name is taken: /pod/spec/containers/0/env/0 has the same name "PORT"${MERGED}`,
    ],
    [
      'two service ports of one number',
      (d) =>
        (d.service.ports = [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ]),
      `/service/ports/1/port is taken: /service/ports/0 has the same port 80, protocol "TCP"${MERGED}`,
    ],
  ])('%s', (_, change, fault) => {
    expect(faultsOf(changed(change)).filter((one) => !/is not a (container|port) of the pod/.test(one))).toEqual([fault]);
  });
});

describe('the pod and the service, beyond the schema', () => {
  it.each<[string, (document: Complete) => void, string]>([
    ['no spec', (d) => delete (d.pod as any).spec, '/pod/spec is required'],
    [
      'a label of ours',
      (d) => (d.pod.metadata.labels['slipway.dev/workload'] = 'x'),
      '/pod/metadata/labels/slipway.dev~1workload is reserved: keys under slipway.dev/ are written by Slipway',
    ],
    [
      'an annotation of ours',
      (d) => (d.pod.metadata.annotations['slipway.dev/template'] = 'x'),
      '/pod/metadata/annotations/slipway.dev~1template is reserved: keys under slipway.dev/ are written by Slipway',
    ],
    [
      'a selector against the labels',
      (d) => (d.pod.metadata.labels.app = 'api'),
      '/selector/app must equal the label of the pod, /pod/metadata/labels/app, which is "api"',
    ],
    [
      'a selector of ours',
      (d) => (d.selector = { 'slipway.dev/workload': 'x' }),
      '/selector/slipway.dev~1workload is reserved: labels under slipway.dev/ are written by Slipway',
    ],
    [
      'a selector that no pod matches',
      (d) => (d.selector = { 'pod-template-hash': 'x' }),
      '/selector/pod-template-hash is reserved: the Deployment controller writes its own value, so no pod would match',
    ],
    [
      'a selector of the service',
      (d) => (d.service.selector = { app: 'x' }),
      '/service/selector cannot be given: the service selects the pods of its workload',
    ],
    ...(['containers', 'volumes'] as const).map((list): [string, (document: Complete) => void, string] => [
      `two ${list} of one name`,
      (d) => (d.pod.spec[list] as any[]).push(structuredClone((d.pod.spec[list] as any[])[0])),
      `/pod/spec/${list}/${list === 'volumes' ? 1 : 2}/name is taken: /pod/spec/${list}/0 has the same name "${list === 'volumes' ? 'data' : 'web'}"${MERGED}`,
    ]),
    [
      'a mount twice',
      (d) => web(d)[0]!.volumeMounts.push({ name: 'data', mountPath: '/data' }),
      `/pod/spec/containers/0/volumeMounts/1/mountPath is taken: /pod/spec/containers/0/volumeMounts/0 has the same mountPath "/data"${MERGED}`,
    ],
    [
      'a pull secret twice',
      (d) => Object.assign(d.pod.spec, { imagePullSecrets: [{ name: 'a' }, { name: 'b' }, { name: 'a' }] }),
      `/pod/spec/imagePullSecrets/2/name is taken: /pod/spec/imagePullSecrets/0 has the same name "a"${MERGED}`,
    ],
  ])('%s', (_, change, fault) => {
    expect(faultsOf(changed(change)).filter((one) => !/is not a container of the pod/.test(one))).toEqual([fault]);
  });

  it.each(JUDGED)('is left to an API server: %s', (_, change) => {
    const document = judgedDocument(change);
    expect(validateDocument(document, 'BASELINE')).toEqual({ document });
  });
});

describe('the strategy', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['a type that does not exist yet', { type: 'BLUE_GREEN' }, '/strategy/type must be one of ROLLING, CANARY, BATCHES'],
    ['another', { type: 'RECREATE' }, '/strategy/type must be one of ROLLING, CANARY, BATCHES'],
    ['a grace below zero', { failureGraceSeconds: -1 }, '/strategy/failureGraceSeconds must be at least 0'],
    ['a field of it', { greenSize: 3 }, '/strategy/greenSize is not a field'],
    ['batches without sizes', { type: 'BATCHES' }, '/strategy/batches batches or batchSize is required for BATCHES'],
    ['no batches at all', { type: 'BATCHES', batches: [] }, '/strategy/batches must have at least 1 entry'],
    ['a batch of no pods', { type: 'BATCHES', batches: [1, 0] }, '/strategy/batches/1 must be at least 1'],
    ['batches twice', { type: 'BATCHES', batches: [1], batchSize: 2 }, '/strategy/batchSize must not be given beside batches'],
    ['batches of a rolling update', { batchSize: 3 }, '/strategy/batchSize is only allowed with type BATCHES, and the type is ROLLING'],
    [
      'steps of batches',
      { type: 'BATCHES', batchSize: 1, steps: [{ weight: 5 }] },
      '/strategy/steps is only allowed with type CANARY, and the type is BATCHES',
    ],
    ['a canary without steps', { type: 'CANARY' }, '/strategy/steps is required for CANARY'],
    ['a canary with no step', { type: 'CANARY', steps: [] }, '/strategy/steps must have at least one step'],
    ['steps of a rolling update', { steps: [{ weight: 5 }] }, '/strategy/steps is only allowed with type CANARY, and the type is ROLLING'],
    [
      'a step that says two things',
      { type: 'CANARY', steps: [{ weight: 5 }, { pause: true, pauseSeconds: 3 }] },
      '/strategy/steps/1 must have exactly one of weight, pauseSeconds and pause',
    ],
    [
      'a step that says nothing',
      { type: 'CANARY', steps: [{ weight: 5 }, {}] },
      '/strategy/steps/1 must have exactly one of weight, pauseSeconds and pause',
    ],
    ['a pause before anything', { type: 'CANARY', steps: [{ pause: true }] }, '/strategy/steps/0 the first step must be a weight'],
    ['a weight of nothing', { type: 'CANARY', steps: [{ weight: 0 }] }, '/strategy/steps/0/weight must be at least 1'],
    ['a weight of more than all', { type: 'CANARY', steps: [{ weight: 101 }] }, '/strategy/steps/0/weight must be at most 100'],
    [
      'weights that fall',
      { type: 'CANARY', steps: [{ weight: 50 }, { weight: 20 }] },
      '/strategy/steps/1/weight must be more than the previous weight, 50',
    ],
    [
      'weights that stand still',
      { type: 'CANARY', steps: [{ weight: 50 }, { weight: 50 }] },
      '/strategy/steps/1/weight must be more than the previous weight, 50',
    ],
    ['a pause that is false', { type: 'CANARY', steps: [{ weight: 5 }, { pause: false }] }, '/strategy/steps/1/pause must be true'],
    [
      'a pause of no time',
      { type: 'CANARY', steps: [{ weight: 5 }, { pauseSeconds: 0 }] },
      '/strategy/steps/1/pauseSeconds must be at least 1',
    ],
    ['no room to move', { maxSurge: 0, maxUnavailable: 0 }, '/strategy/maxSurge maxSurge and maxUnavailable must not both be zero'],
    [
      'no room to move, in per cent',
      { maxSurge: '0%', maxUnavailable: '00%' },
      '/strategy/maxSurge maxSurge and maxUnavailable must not both be zero',
    ],
    [
      'more than all unavailable',
      { maxUnavailable: '101%' },
      '/strategy/maxUnavailable must be a number of pods or a percentage from 0% to 100%',
    ],
    ['a surge that is no number', { maxSurge: 'half' }, '/strategy/maxSurge must be a number of pods or a percentage such as 25%'],
    ['a surge below zero', { maxSurge: -1 }, '/strategy/maxSurge must be a number of pods or a percentage such as 25%'],
    [
      'a deadline that every pod would miss',
      { progressDeadlineSeconds: 5 },
      '/strategy/progressDeadlineSeconds the deadline, 5 s, must be more than minReadySeconds, 5 s: no pod could become available in time',
    ],
  ])('%s', (_, strategy, fault) => {
    expect(faultsOf({ ...completeDocument(), strategy })).toEqual([fault]);
  });

  it('a minReadySeconds beyond the default deadline', () => {
    expect(faultsOf({ ...smallDocument(), minReadySeconds: 600 })).toEqual([
      '/minReadySeconds the deadline, 600 s, must be more than minReadySeconds, 600 s: no pod could become available in time',
    ]);
  });

  it.each([
    [{ maxSurge: 0, maxUnavailable: 1 }],
    [{ maxSurge: 0 }],
    [{ maxSurge: '0%' }],
    [{ maxSurge: '150%' }],
    [{ progressDeadlineSeconds: 2_147_483_647 }],
    [{ type: 'CANARY', steps: [{ weight: 1 }, { pauseSeconds: 1 }, { pause: true }, { weight: 100 }] }],
    [{ type: 'ROLLING' }],
    [{ type: 'BATCHES', batches: [1, 2, 2] }],
    [{ type: 'BATCHES', batchSize: 3 }],
    [{}],
  ])('%j is one', (strategy) => {
    expect(faultsOf({ ...completeDocument(), strategy })).toEqual([]);
  });
});

describe('many things at once', () => {
  it('are all named', () => {
    const document = changed((d) => {
      web(d)[1]!.image = '${{ params.nobody }}';
      web(d)[0]!.prots = [];
      d.replicas = 'many';
      d.strategy.type = 'RECREATE';
      d.sidecars[1]!.container = 'wbe';
      (d.parameters.replicas as any).default = 0;
    });
    const pointers = faultsOf(document).map((fault) => fault.slice(0, fault.indexOf(' ')));
    expect(pointers.sort()).toEqual(
      [
        '/parameters/replicas/default',
        '/pod/spec/containers/0/prots',
        '/pod/spec/containers/1/image',
        '/replicas',
        '/strategy/type',
      ].sort(),
    );
  });

  it('are at most 50', () => {
    const containers = Array.from({ length: 200 }, (_, n) => ({ name: `c${n}`, image: 'x', wrong: 1 }));
    expect(faultsOf({ pod: { spec: { containers } } })).toHaveLength(50);
  });

  it.each<[string, () => unknown]>([
    [
      'volumes and mounts',
      () => ({
        volumes: Array.from({ length: 9000 }, (_, n) => ({ name: `v${n}`, emptyDir: {} })),
        containers: [
          { name: 'web', image: 'x', volumeMounts: Array.from({ length: 9000 }, (_, n) => ({ name: `v${n}`, mountPath: `/${n}` })) },
        ],
      }),
    ],
    ['containers', () => ({ containers: Array.from({ length: 15_000 }, (_, n) => ({ name: `c${n}`, image: 'x' })) })],
    ['broken placeholders', () => ({ containers: [{ name: 'web', image: 'x', args: Array.from({ length: 80_000 }, () => '${{ para') }] })],
  ])('thousands of %s are judged in a bounded time', (_, spec) => {
    const started = performance.now();
    validateDocument({ pod: { metadata: { finalizers: Array.from({ length: 9000 }, (_, n) => `f${n}`) }, spec: spec() } }, 'BASELINE');
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('what is too deep or too large is refused before it is looked at', () => {
    expect(faultsOf({ ...smallDocument(), service: 'x'.repeat(1_048_576) })).toEqual([' is larger than 1 MiB']);
  });
});
