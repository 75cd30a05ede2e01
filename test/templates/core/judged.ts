import type { TemplateDocument } from '../../../src/templates/core/document.ts';

type Fields = { [field: string]: any };
interface Judged {
  pod: { metadata: Fields; spec: Fields & { containers: Fields[]; initContainers: Fields[]; volumes: Fields[] } };
  service: Fields;
  [section: string]: any;
}

const valid = (): Judged => ({
  pod: {
    metadata: { labels: { team: 'shop' }, annotations: {} },
    spec: {
      initContainers: [{ name: 'migrate', image: 'x' }],
      containers: [
        {
          name: 'web',
          image: 'x',
          ports: [{ name: 'http', containerPort: 8080 }],
          env: [{ name: 'A', value: 'b' }],
          resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
        { name: 'proxy', image: 'x' },
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    },
  },
  service: { ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
});

type Change = (document: Judged) => unknown;
const web =
  (fields: Fields): Change =>
  (d) =>
    Object.assign(d.pod.spec.containers[0]!, fields);
const spec =
  (fields: Fields): Change =>
  (d) =>
    Object.assign(d.pod.spec, fields);
const metadata =
  (fields: Fields): Change =>
  (d) =>
    Object.assign(d.pod.metadata, fields);
const service =
  (fields: Fields): Change =>
  (d) =>
    (d.service = fields);
const init =
  (fields: Fields): Change =>
  (d) =>
    Object.assign(d.pod.spec.initContainers[0]!, fields);
const mount =
  (fields: Fields): Change =>
  (d) =>
    Object.assign(d.pod.spec.containers[0]!['volumeMounts'][0], fields);
const probe = (name: string, fields: Fields): Change => web({ [name]: { exec: { command: ['x'] }, ...fields } });
const variable = (fields: Fields): Change => web({ env: [{ name: 'X', ...fields }] });
const volume = (fields: Fields): Change => spec({ volumes: [{ name: 'data', ...fields }] });

const first = 'spec.template.spec.containers[0]';
const pod = 'spec.template.spec';
const key = { name: 'x', key: 'x' };

/**
 * Documents in which our checks find nothing wrong, with the field that an API server of Kubernetes 1.36 blames; null where it accepts them, and
 * the minor version that has the field where older ones have not. Offline all of them
 * are accepted, and clusters judge: `test/kubernetes/contract/judged.contract.ts`.
 */
export const JUDGED: [name: string, change: Change, field: string | null, since?: number][] = [
  ['nothing', () => undefined, null],
  // Containers
  ['no containers', (d) => (d.pod.spec.containers = []), `${pod}.containers`],
  ['no image', web({ image: undefined }), `${first}.image`],
  ['an empty image', web({ image: '' }), `${first}.image`],
  ['an image with a space in it', web({ image: 'a b' }), null],
  ['an image with a space behind it', web({ image: 'a ' }), null],
  ['an init container of the same name', init({ name: 'web' }), `${pod}.initContainers[0].name`],
  ['a name in upper case', web({ name: 'Web' }), `${first}.name`],
  ['an empty name', web({ name: '' }), `${first}.name`],
  ['another restart policy', spec({ restartPolicy: 'Never' }), `${pod}.restartPolicy`],
  ['an empty restart policy', spec({ restartPolicy: '' }), null],
  ['an empty pull policy', web({ imagePullPolicy: '' }), null],
  ['ephemeral containers', spec({ ephemeralContainers: [] }), null],
  ['an ephemeral container', spec({ ephemeralContainers: [{ name: 'debug', image: 'x' }] }), `${pod}.ephemeralContainers`],
  ['a deadline for the pod', spec({ activeDeadlineSeconds: 5 }), `${pod}.activeDeadlineSeconds`],
  ['a grace below zero', spec({ terminationGracePeriodSeconds: -1 }), null],
  ['no grace', spec({ terminationGracePeriodSeconds: 0 }), null],
  ['a restart policy that there is not', init({ restartPolicy: 'Sometimes' }), `${pod}.initContainers[0].restartPolicy`],
  ['rules for restarts without a policy', web({ restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [1] } }] }), `${first}.restartPolicy`, 34],
  // Ports
  ['a port of zero', web({ ports: [{ containerPort: 0 }] }), `${first}.ports[0].containerPort`],
  ['a port out of range', web({ ports: [{ containerPort: 65_536 }] }), `${first}.ports[0].containerPort`],
  ['a port name too long', web({ ports: [{ name: 'a-very-long-port-name', containerPort: 1 }] }), `${first}.ports[0].name`],
  ['two ports of one name', web({ ports: [{ name: 'http', containerPort: 1 }, { name: 'http', containerPort: 2 }] }), `${first}.ports[1].name`],
  ['an empty port name', web({ ports: [{ name: '', containerPort: 1 }] }), null],
  ['an empty protocol', web({ ports: [{ containerPort: 1, protocol: '' }] }), null],
  ['a host port of zero', web({ ports: [{ containerPort: 1, hostPort: 0 }] }), null],
  // Environment
  ['a variable with "="', web({ env: [{ name: 'A=B' }] }), `${first}.env[0].name`],
  ['a variable without value', variable({}), null],
  ['a variable with two values', variable({ value: 'x', valueFrom: { secretKeyRef: key } }), `${first}.env[0].valueFrom`],
  ['an empty value beside a source', variable({ value: '', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }), null],
  ['a variable from nothing', variable({ valueFrom: {} }), `${first}.env[0].valueFrom`],
  ['a variable from two things', variable({ valueFrom: { secretKeyRef: key, configMapKeyRef: key } }), `${first}.env[0].valueFrom`],
  ['a variable from an unknown field', variable({ valueFrom: { fieldRef: { fieldPath: 'spec.nope' } } }), `${first}.env[0].valueFrom.fieldRef.fieldPath`],
  // Volumes and mounts
  ['a volume with two sources', volume({ emptyDir: {}, configMap: { name: 'x' } }), `${pod}.volumes[0].configMap`],
  ['a volume without source', volume({}), null],
  ['a volume with a name in upper case', spec({ volumes: [{ name: 'data', emptyDir: {} }, { name: 'Data', emptyDir: {} }] }), `${pod}.volumes[1].name`],
  ['a file mode above 0777', volume({ secret: { secretName: 'x', defaultMode: 0o1000 } }), `${pod}.volumes[0].secret.defaultMode`],
  ['a mount of a volume that is not there', mount({ name: 'date' }), `${first}.volumeMounts[0].name`],
  ['a mount with a slash behind it', mount({ mountPath: '/data/' }), null],
  ['a mount twice, spelled otherwise', (d) => d.pod.spec.containers[0]!['volumeMounts'].push({ name: 'data', mountPath: '/data/' }), null],
  ['a mount with a colon', mount({ mountPath: '/a:b' }), null],
  ['a mount of nowhere', mount({ mountPath: '' }), `${first}.volumeMounts[0].mountPath`],
  ['two parts of a volume', mount({ subPath: 'a', subPathExpr: 'b' }), `${first}.volumeMounts[0].subPathExpr`],
  ['an absolute part', mount({ subPath: '/a' }), `${first}.volumeMounts.subPath`],
  ['a part outside', mount({ subPath: 'a/../../b' }), `${first}.volumeMounts.subPath`],
  ['a part of a volume', mount({ subPath: 'a/..b', subPathExpr: '' }), null],
  ['a device of a volume that is not there', web({ volumeDevices: [{ name: 'date', devicePath: '/dev/x' }] }), `${first}.volumeDevices[0].name`],
  // Resources
  ['more asked for than allowed', web({ resources: { requests: { memory: '1Gi' }, limits: { memory: '128Mi' } } }), `${first}.resources.requests`],
  ['less than nothing asked for', web({ resources: { requests: { cpu: '-1m' } } }), `${first}.resources.requests[cpu]`],
  ['nothing asked for', web({ resources: { requests: { cpu: 0 } } }), null],
  ['a claim that the pod does not have', web({ resources: { claims: [{ name: 'gpu' }] } }), `${first}.resources.claims[0]`, 34],
  // Probes and hooks
  ['a probe that asks nothing', web({ readinessProbe: { periodSeconds: 5 } }), `${first}.readinessProbe`],
  ['a probe that asks twice', web({ readinessProbe: { exec: { command: ['x'] }, grpc: { port: 1 } } }), `${first}.readinessProbe.grpc`],
  ['a probe of a port name that is not there', web({ readinessProbe: { httpGet: { port: 'nope' } } }), null],
  ['a probe of port zero', web({ readinessProbe: { tcpSocket: { port: 0 } } }), `${first}.readinessProbe.tcpSocket.port`],
  ['a probe with an empty scheme', web({ readinessProbe: { httpGet: { port: 80, scheme: '' } } }), null],
  ['a hook of a port name that is not there', web({ lifecycle: { preStop: { httpGet: { port: 'nope' } } } }), null],
  ['a hook without command', web({ lifecycle: { preStop: { exec: {} } } }), `${first}.lifecycle.preStop.exec.command`],
  ['a command of nothing', probe('livenessProbe', { exec: { command: [] } }), `${first}.livenessProbe.exec.command`],
  ['a delay below zero', probe('readinessProbe', { initialDelaySeconds: -1 }), `${first}.readinessProbe.initialDelaySeconds`],
  ['numbers of zero', probe('livenessProbe', { timeoutSeconds: 0, periodSeconds: 0, successThreshold: 0, failureThreshold: 0 }), null],
  ['two successes of liveness', probe('livenessProbe', { successThreshold: 2 }), `${first}.livenessProbe.successThreshold`],
  ['two successes of readiness', probe('readinessProbe', { successThreshold: 2 }), null],
  ['a time to end in for readiness', probe('readinessProbe', { terminationGracePeriodSeconds: 1 }), `${first}.readinessProbe.terminationGracePeriodSeconds`],
  ['no time to end in for liveness', probe('livenessProbe', { terminationGracePeriodSeconds: 0 }), `${first}.livenessProbe.terminationGracePeriodSeconds`],
  ['a probe of an init container', init({ readinessProbe: { exec: { command: ['x'] } } }), `${pod}.initContainers[0].readinessProbe`],
  // Metadata
  ['a label that is none', metadata({ labels: { 'a b': 'x' } }), 'spec.template.labels'],
  ['a label value that is none', metadata({ labels: { team: 'a b' } }), 'spec.template.labels'],
  ['an annotation that is none', metadata({ annotations: { 'a b': 'x' } }), 'spec.template.annotations'],
  ['very long annotations', metadata({ annotations: { a: 'x'.repeat(131_072), b: 'ä'.repeat(65_537) } }), 'spec.template.annotations'],
  ['annotations of 256 KiB', metadata({ annotations: { a: 'x'.repeat(262_143) } }), null],
  // Numbers of the strategy
  ['a surge of more than all', (d) => (d['strategy'] = { maxSurge: '150%' }), null],
  ['no surge', (d) => (d['strategy'] = { maxSurge: 0 }), null],
  ['no deadline', (d) => (d['strategy'] = { progressDeadlineSeconds: 2_147_483_647 }), null],
  // Services
  ['a service without ports', service({}), 'spec.ports'],
  ['a headless one without ports', service({ clusterIP: 'None' }), null],
  ['an external name', service({ type: 'ExternalName', externalName: 'example.com' }), null],
  ['a targetPort that is not there', service({ ports: [{ port: 80, targetPort: 'nope' }] }), null],
  ['several ports without names', service({ ports: [{ name: 'a', port: 80 }, { port: 81 }] }), 'spec.ports[1].name'],
  ['two ports of one name', service({ ports: [{ name: 'a', port: 80 }, { name: 'a', port: 81 }] }), 'spec.ports[1].name'],
  ['port zero', service({ ports: [{ port: 0 }] }), 'spec.ports[0].port'],
  ['a node port for ClusterIP', service({ ports: [{ port: 80, nodePort: 30_000 }] }), 'spec.ports[0].nodePort'],
  ['a node port of zero', service({ ports: [{ port: 80, nodePort: 0 }] }), null],
  ['an address that is none', service({ clusterIP: '10.0.0.256', ports: [{ port: 80 }] }), 'spec.clusterIPs[0]'],
  ['an empty type', service({ type: '', ports: [{ port: 80 }] }), null],
]; // prettier-ignore

/** The changed document. */
export function judgedDocument(change: Change): TemplateDocument {
  const document = valid();
  change(document);
  return JSON.parse(JSON.stringify(document)) as TemplateDocument;
}
