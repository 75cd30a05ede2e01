import { describe, expect, it } from 'vitest';
import { validateDocument } from '../../../src/templates/core/validate.ts';
import { completeDocument, smallDocument, type Complete } from './documents.ts';

const faultsOf = (document: unknown): string[] => {
  const result = validateDocument(document);
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
    expect(validateDocument(document)).toEqual({ document });
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
    ['null in a list', (d) => (web(d)[1]!.command = [null]), '/pod/spec/containers/1/command/0 must be a string'],
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
      '/pod/spec/containers/0/env/2/name is taken: /pod/spec/containers/0/env/0 has the same name "PORT"',
    ],
    [
      'two service ports of one number',
      (d) =>
        (d.service.ports = [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ]),
      '/service/ports/1/port is taken: /service/ports/0 has the same port 80, protocol "TCP"',
    ],
  ])('%s', (_, change, fault) => {
    expect(faultsOf(changed(change)).filter((one) => !/is not a (container|port) of the pod/.test(one))).toEqual([fault]);
  });
});

describe('the pod, beyond the schema', () => {
  it.each<[string, (document: Complete) => void, string]>([
    ['an empty list of containers', (d) => (d.pod.spec.containers = []), '/pod/spec/containers must have at least one container'],
    ['no image', (d) => delete web(d)[1]!.image, '/pod/spec/containers/1/image is required'],
    ['an image with spaces', (d) => (web(d)[1]!.image = 'a b'), '/pod/spec/containers/1/image must not contain white space'],
    [
      'two containers of one name',
      (d) => (web(d)[1]!.name = 'web'),
      '/pod/spec/containers/1/name is taken: /pod/spec/containers/0 has the same name "web"',
    ],
    [
      'an init container of the same name',
      (d) => (web(d)[1]!.name = 'migrate'),
      '/pod/spec/containers/1/name is taken: /pod/spec/initContainers/0 has the same name "migrate"',
    ],
    [
      'a name in upper case',
      (d) => (web(d)[1]!.name = 'Proxy'),
      '/pod/spec/containers/1/name must be at most 63 lower-case letters, digits and "-"',
    ],
    [
      'two volumes of one name',
      (d) => (d.pod.spec.volumes as any[]).push({ name: 'data', emptyDir: {} }),
      '/pod/spec/volumes/1/name is taken: /pod/spec/volumes/0 has the same name "data"',
    ],
    [
      'a volume with two sources',
      (d) => (d.pod.spec.volumes = [{ name: 'data', emptyDir: {}, configMap: { name: 'x' } }]),
      '/pod/spec/volumes/0 must have one source, but has emptyDir and configMap',
    ],
    [
      'a mount of a volume that is not there',
      (d) => (web(d)[0]!.volumeMounts[0].name = 'date'),
      '/pod/spec/containers/0/volumeMounts/0/name is not a volume of the pod: there is no "date"',
    ],
    [
      'a mount twice',
      (d) => web(d)[0]!.volumeMounts.push({ name: 'data', mountPath: '/data' }),
      '/pod/spec/containers/0/volumeMounts/1/mountPath is taken: /pod/spec/containers/0/volumeMounts/0 has the same mountPath "/data"',
    ],
    [
      'a mount twice, spelled otherwise',
      (d) => web(d)[0]!.volumeMounts.push({ name: 'data', mountPath: '/data/' }),
      '/pod/spec/containers/0/volumeMounts/1/mountPath is taken: /pod/spec/containers/0/volumeMounts/0 is mounted at the same path "/data/"',
    ],
    [
      'a port out of range',
      (d) => (web(d)[0]!.ports[0].containerPort = 0),
      '/pod/spec/containers/0/ports/0/containerPort must be between 1 and 65535',
    ],
    [
      'a port name too long',
      (d) => ((web(d)[1]!.ports = [{ name: 'a-very-long-port-name', containerPort: 1 }]), undefined),
      '/pod/spec/containers/1/ports/0/name must be at most 15 lower-case letters, digits and "-", one of them a letter',
    ],
    [
      'two ports of one name',
      (d) => web(d)[0]!.ports.push({ name: 'http', containerPort: 9 }),
      '/pod/spec/containers/0/ports/1/name is taken: /pod/spec/containers/0/ports/0 has the same name "http"',
    ],
    [
      'a variable with two values',
      (d) => (web(d)[0]!.env[1].value = 'x'),
      '/pod/spec/containers/0/env/1/valueFrom cannot be combined with value',
    ],
    [
      'more asked for than allowed',
      (d) => (web(d)[0]!.resources.requests.memory = '1Gi'),
      '/pod/spec/containers/0/resources/requests/memory must be at most the limit, 128Mi',
    ],
    [
      'a probe that asks nothing',
      (d) => (web(d)[0]!.readinessProbe = { periodSeconds: 5 }),
      '/pod/spec/containers/0/readinessProbe must have exactly one of exec, httpGet, tcpSocket, grpc, sleep',
    ],
    [
      'a probe that asks twice',
      (d) => (web(d)[0]!.readinessProbe = { exec: { command: ['x'] }, grpc: { port: 1 } }),
      '/pod/spec/containers/0/readinessProbe must have exactly one of exec, httpGet, tcpSocket, grpc, sleep, but has exec and grpc',
    ],
    [
      'a probe of a port that is not there',
      (d) => (web(d)[0]!.readinessProbe.httpGet.port = 'htpp'),
      '/pod/spec/containers/0/readinessProbe/httpGet/port is not a port of this container: there is no "htpp"',
    ],
    [
      'a probe of an init container',
      (d) => ((d.pod.spec.initContainers as any)[0].readinessProbe = { exec: { command: ['x'] } }),
      '/pod/spec/initContainers/0/readinessProbe cannot be set for an init container, which runs to completion',
    ],
    [
      'another restart policy',
      (d) => (d.pod.spec.restartPolicy = 'Never'),
      '/pod/spec/restartPolicy must be Always, as required for the pods of a Deployment',
    ],
    ['ephemeral containers', (d) => (d.pod.spec.ephemeralContainers = []), '/pod/spec/ephemeralContainers cannot be part of a template'],
    [
      'a deadline for the pod',
      (d) => (d.pod.spec.activeDeadlineSeconds = 5),
      '/pod/spec/activeDeadlineSeconds cannot be set for the pods of a Deployment',
    ],
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
    ['a label that is none', (d) => (d.pod.metadata.labels['a b'] = 'x'), '/pod/metadata/labels/a b is not the name of a label'],
    [
      'a label value that is none',
      (d) => (d.pod.metadata.labels.team = 'a b'),
      '/pod/metadata/labels/team must be at most 63 letters, digits, "-", "_" and ".", beginning and ending with a letter or digit',
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
  ])('%s', (_, change, fault) => {
    expect(faultsOf(changed(change)).filter((one) => !/is not a (container|port) of the pod/.test(one))).toEqual([fault]);
  });
});

describe('what an API server would refuse', () => {
  const first = '/pod/spec/containers/0';
  const init = (d: Complete) => d.pod.spec.initContainers as any as { [field: string]: any }[];
  const probe = (name: string, fields: object) => (d: Complete) => (web(d)[0]![name] = { exec: { command: ['x'] }, ...fields });
  const mount = (fields: object) => (d: Complete) => Object.assign(web(d)[0]!.volumeMounts[0], fields);
  const variable = (fields: object) => (d: Complete) => (web(d)[0]!.env[0] = { name: 'X', ...fields });
  const choice = 'must have exactly one of fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef';
  const within = 'must be a path within the volume: relative and without ".."';
  const key = { name: 'x', key: 'x' };
  const device = { name: 'data', devicePath: '/dev/x' };
  const nodePort = (port: number, type?: string) => (d: Complete) => (d.service = { type, ports: [{ port: 80, nodePort: port }] });

  it.each<[string, (document: Complete) => void, string]>([
    [
      'a delay below zero',
      probe('readinessProbe', { initialDelaySeconds: -1 }),
      `${first}/readinessProbe/initialDelaySeconds must be at least 0`,
    ],
    ['a timeout below zero', probe('livenessProbe', { timeoutSeconds: -1 }), `${first}/livenessProbe/timeoutSeconds must be at least 0`],
    ['a period below zero', probe('startupProbe', { periodSeconds: -1 }), `${first}/startupProbe/periodSeconds must be at least 0`],
    ['failures below zero', probe('livenessProbe', { failureThreshold: -1 }), `${first}/livenessProbe/failureThreshold must be at least 0`],
    [
      'successes below zero',
      probe('readinessProbe', { successThreshold: -1 }),
      `${first}/readinessProbe/successThreshold must be at least 0`,
    ],
    [
      'two successes of liveness',
      probe('livenessProbe', { successThreshold: 2 }),
      `${first}/livenessProbe/successThreshold must be 1 for a liveness or startup probe`,
    ],
    [
      'two successes of startup',
      probe('startupProbe', { successThreshold: 2 }),
      `${first}/startupProbe/successThreshold must be 1 for a liveness or startup probe`,
    ],
    [
      'no time to end in',
      probe('livenessProbe', { terminationGracePeriodSeconds: 0 }),
      `${first}/livenessProbe/terminationGracePeriodSeconds must be at least 1`,
    ],
    [
      'a time to end in for readiness',
      probe('readinessProbe', { terminationGracePeriodSeconds: 5 }),
      `${first}/readinessProbe/terminationGracePeriodSeconds cannot be set for a readiness probe, which restarts nothing`,
    ],
    ['a probe without command', probe('livenessProbe', { exec: {} }), `${first}/livenessProbe/exec/command must have at least one entry`],
    [
      'a command of nothing',
      probe('livenessProbe', { exec: { command: [] } }),
      `${first}/livenessProbe/exec/command must have at least one entry`,
    ],
    [
      'a hook without command',
      (d) => (web(d)[0]!.lifecycle = { preStop: { exec: {} } }),
      `${first}/lifecycle/preStop/exec/command must have at least one entry`,
    ],
    [
      'a restart policy that there is not',
      (d) => (init(d)[0]!.restartPolicy = 'Sometimes'),
      '/pod/spec/initContainers/0/restartPolicy must be one of Always, Never, OnFailure',
    ],
    [
      'rules for restarts without a policy',
      (d) => (web(d)[0]!.restartPolicyRules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [1] } }]),
      `${first}/restartPolicy is required with restartPolicyRules`,
    ],
    [
      'two parts of a volume',
      mount({ subPath: 'a', subPathExpr: 'b' }),
      `${first}/volumeMounts/0/subPathExpr cannot be combined with subPath`,
    ],
    ['an absolute part', mount({ subPath: '/a' }), `${first}/volumeMounts/0/subPath ${within}`],
    ['a part outside', mount({ subPath: 'a/../../b' }), `${first}/volumeMounts/0/subPath ${within}`],
    ['an expression outside', mount({ subPathExpr: '../$(X)' }), `${first}/volumeMounts/0/subPathExpr ${within}`],
    ['a variable from nothing', variable({ valueFrom: {} }), `${first}/env/0/valueFrom ${choice}`],
    [
      'a variable from two things',
      variable({ valueFrom: { secretKeyRef: key, configMapKeyRef: key } }),
      `${first}/env/0/valueFrom ${choice}, but has configMapKeyRef and secretKeyRef`,
    ],
    [
      'a variable with a value and from a thing',
      variable({ value: 'x', valueFrom: { secretKeyRef: key } }),
      `${first}/env/0/valueFrom cannot be combined with value`,
    ],
    [
      'less than nothing asked for',
      (d) => (web(d)[0]!.resources = { requests: { cpu: '-1m' } }),
      `${first}/resources/requests/cpu must be at least 0`,
    ],
    [
      'less than nothing allowed',
      (d) => (web(d)[0]!.resources = { limits: { cpu: -1 } }),
      `${first}/resources/limits/cpu must be at least 0`,
    ],
    [
      'less than nothing for the pod',
      (d) => (d.pod.spec.resources = { limits: { cpu: '-1' } }),
      '/pod/spec/resources/limits/cpu must be at least 0',
    ],
    [
      'a claim that the pod does not have',
      (d) => (web(d)[0]!.resources = { claims: [{ name: 'gpu' }] }),
      `${first}/resources/claims/0/name is not a resource claim of the pod: there is no "gpu"`,
    ],
    [
      'a device of a volume that is not there',
      (d) => (web(d)[0]!.volumeDevices = [{ ...device, name: 'date' }]),
      `${first}/volumeDevices/0/name is not a volume of the pod: there is no "date"`,
    ],
    [
      'a device outside its folder',
      (d) => (web(d)[0]!.volumeDevices = [{ ...device, devicePath: '/dev/../x' }]),
      `${first}/volumeDevices/0/devicePath must be a path without ".."`,
    ],
    [
      'very long annotations',
      (d) => (d.pod.metadata.annotations = { a: 'x'.repeat(131_072), b: 'ä'.repeat(65_536) }),
      '/pod/metadata/annotations must have at most 256 KiB, names and values together',
    ],
    [
      'a selector that no pod matches',
      (d) => (d.selector = { 'pod-template-hash': 'x' }),
      '/selector/pod-template-hash is reserved: the Deployment controller writes its own value, so no pod would match',
    ],
    ['a port of the nodes below 1', nodePort(-1, 'NodePort'), '/service/ports/0/nodePort must be between 1 and 65535'],
    ['a port of the nodes above 65535', nodePort(65_536, 'NodePort'), '/service/ports/0/nodePort must be between 1 and 65535'],
    ['a port of the nodes for ClusterIP', nodePort(30_000), '/service/ports/0/nodePort cannot be set with type ClusterIP'],
    ...['none', '10.0.0', '10.0.0.256', 'fe80::1%eth0', 'example.com', '1'].map((address): [string, (d: Complete) => void, string] => [
      `the address ${address}`,
      (d) => (d.service.clusterIP = address),
      '/service/clusterIP must be an IP address, "None" or empty',
    ]),
  ])('%s', (_, change, fault) => {
    expect(faultsOf(changed(change))).toEqual([fault]);
  });

  it.each<[string, (document: Complete) => void]>([
    [
      'numbers of zero, which count as not set',
      probe('livenessProbe', { timeoutSeconds: 0, periodSeconds: 0, successThreshold: 0, failureThreshold: 0 }),
    ],
    ['two successes of readiness', probe('readinessProbe', { successThreshold: 2 })],
    ['a time to end in for liveness', probe('livenessProbe', { terminationGracePeriodSeconds: 1 })],
    ['an init container that is never restarted', (d) => (init(d)[0]!.restartPolicy = 'Never')],
    ['a part of a volume', mount({ subPath: 'a/..b', subPathExpr: '' })],
    ['a variable without value', variable({})],
    ['an empty value beside a source', variable({ value: '', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } })],
    ['a variable from a file', variable({ valueFrom: { fileKeyRef: { volumeName: 'data', path: 'x', key: 'x' } } })],
    ['nothing asked for', (d) => (web(d)[0]!.resources = { requests: { cpu: '0' }, limits: { cpu: '-0' } })],
    [
      'a claim that the pod has',
      (d) => {
        d.pod.spec.resourceClaims = [{ name: 'gpu', resourceClaimName: 'gpu' }];
        web(d)[0]!.resources = { claims: [{ name: 'gpu' }] };
      },
    ],
    [
      'a device of a volume that is there',
      (d) => {
        d.pod.spec.volumes = [
          { name: 'data', emptyDir: {} },
          { name: 'disk', persistentVolumeClaim: { claimName: 'disk' } },
        ];
        web(d)[0]!.volumeDevices = [{ ...device, name: 'disk' }];
      },
    ],
    ['annotations of 256 KiB', (d) => (d.pod.metadata.annotations = { a: 'x'.repeat(262_143) })],
    ['a port of the nodes', nodePort(30_000, 'NodePort')],
    ['no port of the nodes', nodePort(0)],
    ...['', 'None', '10.0.0.1', '010.000.0.01', 'fd00::1', '::ffff:10.0.0.1'].map((address): [string, (d: Complete) => void] => [
      `the address "${address}"`,
      (d) => (d.service = { clusterIP: address, ports: [{ port: 8080 }] }),
    ]),
  ])('and not %s', (_, change) => {
    expect(faultsOf(changed(change))).toEqual([]);
  });
});

describe('the service', () => {
  it.each<[string, (document: Complete) => void, string]>([
    [
      'a selector',
      (d) => (d.service.selector = { app: 'x' }),
      '/service/selector cannot be given: the service selects the pods of its workload',
    ],
    [
      'an external name',
      (d) => (d.service.type = 'ExternalName'),
      '/service/type cannot be ExternalName: the service selects the pods of its workload',
    ],
    ['no ports', (d) => (d.service = {}), '/service/ports must have at least one entry'],
    [
      'a targetPort that is not there',
      (d) => (d.service.ports = [{ port: 80, targetPort: 'htpp' }]),
      '/service/ports/0/targetPort is not a port of the pod: there is no "htpp"',
    ],
    [
      'several ports without names',
      (d) => (d.service.ports = [{ name: 'a', port: 80 }, { port: 81 }]),
      '/service/ports/1/name is required if the service has several ports',
    ],
    [
      'two ports of one name',
      (d) =>
        (d.service.ports = [
          { name: 'a', port: 80 },
          { name: 'a', port: 81 },
        ]),
      '/service/ports/1/name is taken: /service/ports/0 has the same name "a"',
    ],
    ['a port out of range', (d) => (d.service.ports = [{ port: 0 }]), '/service/ports/0/port must be between 1 and 65535'],
  ])('%s', (_, change, fault) => {
    expect(faultsOf(changed(change))).toEqual([fault]);
  });

  it.each<[string, (document: Complete) => void]>([
    ['may lead to the metrics', (d) => (d.service.ports = [{ port: 9102, targetPort: 'slipway-metrics' }])],
    ['may be headless and have no ports', (d) => (d.service = { clusterIP: 'None' })],
    // A headless service has no proxy that could change the port, and Kubernetes takes the targetPort nevertheless.
    ['may be headless and lead to another port', (d) => (d.service = { clusterIP: 'None', ports: [{ port: 80, targetPort: 8080 }] })],
    ['may lead to a number that no container names', (d) => (d.service.ports = [{ port: 80, targetPort: 1234 }])],
  ])('%s', (_, change) => {
    expect(faultsOf(changed(change))).toEqual([]);
  });
});

describe('the strategy', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['a type that does not exist yet', { type: 'BLUE_GREEN' }, '/strategy/type must be one of ROLLING, CANARY, BATCHES'],
    ['another', { type: 'RECREATE' }, '/strategy/type must be one of ROLLING, CANARY, BATCHES'],
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
    ['no room to move, in per cent', { maxSurge: '0%' }, '/strategy/maxSurge maxSurge and maxUnavailable must not both be zero'],
    ['a percentage of more than all', { maxSurge: '101%' }, '/strategy/maxSurge must be a number of pods or a percentage from 0% to 100%'],
    ['a surge that is no number', { maxSurge: 'half' }, '/strategy/maxSurge must be a number of pods or a percentage from 0% to 100%'],
    ['a surge below zero', { maxSurge: -1 }, '/strategy/maxSurge must be a number of pods or a percentage from 0% to 100%'],
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
    [{ maxSurge: '100%' }],
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
    validateDocument({ pod: { metadata: { finalizers: Array.from({ length: 9000 }, (_, n) => `f${n}`) }, spec: spec() } });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('what is too deep or too large is refused before it is looked at', () => {
    expect(faultsOf({ ...smallDocument(), service: 'x'.repeat(1_048_576) })).toEqual([' is larger than 1 MiB']);
  });
});
