type Path = (string | number)[];

const labelSelector = { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] };
const term = { topologyKey: 'zone', labelSelector, namespaces: ['n'] };
const expression = { matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] };
const numbers = { initialDelaySeconds: 1, periodSeconds: 5, timeoutSeconds: 1, failureThreshold: 3, successThreshold: 1 };
const request = { path: '/x', port: 'http', scheme: 'HTTP', host: '', httpHeaders: [{ name: 'A', value: 'b' }] };

const container = {
  ...{ name: 'web', image: 'x', command: ['a'], args: ['b'], workingDir: '/x', imagePullPolicy: 'Always', stdin: false, tty: false },
  ...{ terminationMessagePath: '/dev/x', terminationMessagePolicy: 'File' },
  ports: [{ name: 'http', containerPort: 80, protocol: 'TCP', hostPort: 0, hostIP: '' }],
  env: [
    { name: 'A', value: 'b' },
    { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name', apiVersion: 'v1' } } },
    { name: 'C', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
    { name: 'D', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1', containerName: 'web' } } },
  ],
  envFrom: [{ prefix: 'P', configMapRef: { name: 'c', optional: true } }],
  resources: { limits: { cpu: '1', memory: '64Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
  volumeMounts: [
    { name: 'cm', mountPath: '/cm', readOnly: true, subPath: 'x', mountPropagation: 'None' },
    { name: 'data', mountPath: '/data' },
  ],
  livenessProbe: { httpGet: request, ...numbers },
  readinessProbe: { tcpSocket: { port: 80, host: '' } },
  startupProbe: { exec: { command: ['x'] } },
  lifecycle: { postStart: { exec: { command: ['x'] } }, preStop: { sleep: { seconds: 1 } } },
  securityContext: {
    ...{ allowPrivilegeEscalation: false, privileged: false, readOnlyRootFilesystem: true, runAsNonRoot: true, runAsUser: 1 },
    ...{ procMount: 'Default', capabilities: { drop: ['ALL'], add: ['CHOWN'] } },
  },
};

const volumes = [
  { name: 'cm', configMap: { name: 'c', defaultMode: 420, optional: true, items: [{ key: 'a', path: 'b', mode: 420 }] } },
  { name: 'data', emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } },
  { name: 'sec', secret: { secretName: 's', defaultMode: 420, optional: false } },
  { name: 'pvc', persistentVolumeClaim: { claimName: 'p', readOnly: false } },
  { name: 'da', downwardAPI: { defaultMode: 420, items: [{ path: 'x', fieldRef: { fieldPath: 'metadata.labels' } }] } },
  {
    name: 'pr',
    projected: {
      sources: [
        { serviceAccountToken: { path: 't', expirationSeconds: 3600, audience: 'a' } },
        { secret: { name: 's', items: [{ key: 'a', path: 'b' }] } },
      ],
    },
  },
  {
    name: 'eph',
    ephemeral: {
      volumeClaimTemplate: {
        metadata: { labels: { a: 'b' } },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'x', resources: { requests: { storage: '1Gi' } } },
      },
    },
  },
  { name: 'csi', csi: { driver: 'd', readOnly: true, fsType: 'ext4', volumeAttributes: { a: 'b' } } },
  { name: 'nfs', nfs: { server: 's', path: '/p', readOnly: false } },
];

const spec = {
  ...{ serviceAccountName: 'default', automountServiceAccountToken: false, nodeName: '', schedulerName: 'default-scheduler' },
  ...{ priorityClassName: '', hostname: 'h', subdomain: 's', setHostnameAsFQDN: false, enableServiceLinks: true },
  ...{ shareProcessNamespace: false, dnsPolicy: 'ClusterFirst', restartPolicy: 'Always', terminationGracePeriodSeconds: 30 },
  ...{ preemptionPolicy: 'PreemptLowerPriority', readinessGates: [{ conditionType: 'a.b/c' }], nodeSelector: { a: 'b' } },
  dnsConfig: { nameservers: ['1.1.1.1'], searches: ['a.b'], options: [{ name: 'ndots', value: '2' }] },
  hostAliases: [{ ip: '1.2.3.4', hostnames: ['a'] }],
  imagePullSecrets: [{ name: 's' }],
  tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }],
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector, minDomains: 1, nodeAffinityPolicy: 'Honor' },
  ],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [expression] },
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: expression }],
    },
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [term],
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }],
    },
  },
  securityContext: {
    ...{ runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000, fsGroupChangePolicy: 'OnRootMismatch' },
    ...{ supplementalGroups: [1], seccompProfile: { type: 'RuntimeDefault' } },
    sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }],
  },
  initContainers: [{ name: 'init', image: 'x', command: ['a'], restartPolicy: 'Always' }],
  containers: [container],
  volumes,
};

const service = {
  ...{ type: 'NodePort', clusterIP: '', externalName: '', sessionAffinity: 'ClientIP', internalTrafficPolicy: 'Cluster' },
  ...{ externalTrafficPolicy: 'Cluster', ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', publishNotReadyAddresses: false },
  sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } },
  ...{ externalIPs: ['1.2.3.4'], loadBalancerIP: '', loadBalancerSourceRanges: [], healthCheckNodePort: 0 },
  ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP', nodePort: 0, appProtocol: 'http' }],
};

/** A document with most of what Kubernetes allows in a pod and a service; an API server accepts it. */
export const richDocument = { pod: { metadata: { labels: { team: 'shop' }, annotations: { a: 'b' } }, spec }, service };

const MISSING = Symbol('missing');
const TWICE = Symbol('twice');
const VALUES: unknown[] = [
  ...['', 0, -1, 1, 'x', 'X_y z', true, null, [], {}, 2 ** 31, '10', ' 1', 1.5, [''], [null], '0400'],
  ...[MISSING, TWICE],
];

function pathsIn(value: unknown, path: Path = []): Path[] {
  const inner = Array.isArray(value)
    ? value.flatMap((item, index) => pathsIn(item, [...path, index]))
    : typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, field]) => pathsIn(field, [...path, key]))
      : [];
  return path.length > 1 ? [path, ...inner] : inner;
}

/** The rich document, changed in one place: each field to each of many values, missing, or, in a list, there twice. */
export function* changedDocuments(): Generator<{ change: string; document: typeof richDocument }> {
  for (const path of pathsIn(richDocument))
    for (const value of VALUES) {
      const document = structuredClone(richDocument);
      const last = path.at(-1)!;
      const parent = path.slice(0, -1).reduce<any>((object, key) => object[key], document);
      if (value === TWICE && Array.isArray(parent)) parent.push(structuredClone(parent[last as number]));
      else if (value === MISSING && Array.isArray(parent)) parent.splice(last as number, 1);
      else if (value === MISSING) delete parent[last];
      else if (value !== TWICE) parent[last] = value;
      yield { change: `/${path.join('/')} = ${typeof value === 'symbol' ? value.description : JSON.stringify(value)}`, document };
    }
}
