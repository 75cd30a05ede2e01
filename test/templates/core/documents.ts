/** A document in which nothing is wrong, and which has one of everything. */
export const completeDocument = () => ({
  parameters: {
    image: { type: 'string', required: true },
    port: { type: 'integer', default: 8080, minimum: 1, maximum: 65_535 },
    replicas: { type: 'integer', default: 3, minimum: 1, maximum: 200 },
    logLevel: { type: 'string', enum: ['debug', 'info', 'warn'], default: 'info' },
    debug: { type: 'boolean', default: false },
    grace: { type: 'integer' },
    note: { type: 'string' },
    password: { type: 'secretRef', required: true },
  },
  pod: {
    metadata: { labels: { team: 'shop' } as Record<string, unknown>, annotations: { note: 'x' } as Record<string, unknown> },
    spec: {
      terminationGracePeriodSeconds: '${{ params.grace }}',
      initContainers: [{ name: 'migrate', image: '${{ params.image }}', command: ['./migrate'] }] as Record<string, unknown>[],
      containers: [
        {
          name: 'web',
          image: '${{ params.image }}',
          stdin: '${{ params.debug }}',
          ports: [{ name: 'http', containerPort: '${{ params.port }}' }],
          env: [
            { name: 'PORT', value: 'port ${{ params.port }}' },
            { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: '${{ params.password }}', key: 'password' } } },
          ],
          readinessProbe: { httpGet: { path: '/ready', port: 'http' } },
          resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
        { name: 'proxy', image: 'proxy:1' },
      ] as Record<string, unknown>[],
      volumes: [{ name: 'data', emptyDir: {} }] as Record<string, unknown>[],
    } as Record<string, unknown>,
  },
  sidecars: [
    { pattern: 'logging', image: 'fluent/fluent-bit:3.2', container: 'web', path: '/var/log/app' },
    { pattern: 'configUpdater', image: 'example/reloader:1', container: 'web', path: '/etc/app/live' },
    { pattern: 'contentSync', image: 'example/git-sync:4', container: 'web', path: '/srv/content', readOnly: true },
    { pattern: 'monitoring', image: 'prom/statsd-exporter:v0.28.0', container: 'web', port: 9102 },
  ] as Record<string, unknown>[],
  config: [{ name: 'app', files: { 'app.yaml': 'level: ${{ params.logLevel }}' }, container: 'web', path: '/etc/app' }] as Record<
    string,
    unknown
  >[],
  replicas: '${{ params.replicas }}' as unknown,
  minReadySeconds: 5 as unknown,
  selector: { app: 'web' } as Record<string, unknown>,
  service: { ports: [{ name: 'http', port: 80, targetPort: 'http' }] } as Record<string, unknown>,
  strategy: {
    type: 'CANARY',
    maxSurge: '25%',
    maxUnavailable: 0,
    steps: [{ weight: 20 }, { pauseSeconds: 60 }, { weight: 50 }, { pause: true }],
    progressDeadlineSeconds: 600,
  } as Record<string, unknown>,
});

export type Complete = ReturnType<typeof completeDocument>;

/** The least that is a document. */
export const smallDocument = () => ({ pod: { spec: { containers: [{ name: 'web', image: 'web:1' }] } } });
