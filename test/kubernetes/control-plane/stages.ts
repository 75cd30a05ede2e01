import { POD_STAGES } from './pod-stages.ts';

/** A kwok Stage: which objects it takes, after which delay, and what it does to them. */
export interface Stage {
  readonly apiVersion: 'kwok.x-k8s.io/v1alpha1';
  readonly kind: 'Stage';
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** A node becomes Ready at once. Its heartbeats are leases, which kwok renews by itself. The capacity is what the node was registered with. */
const nodeReady: Stage = {
  apiVersion: 'kwok.x-k8s.io/v1alpha1',
  kind: 'Stage',
  metadata: { name: 'node-ready' },
  spec: {
    resourceRef: { apiGroup: 'v1', kind: 'Node' },
    selector: {
      matchExpressions: [{ key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: 'NotIn', values: ['True'] }],
    },
    next: {
      statusTemplate: `
{{ $now := Now }}
conditions: [{{ range NodeConditions }}
  {type: {{ .type | Quote }}, status: {{ .status | Quote }}, reason: {{ .reason | Quote }}, message: {{ .message | Quote }}, lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }}},
{{ end }}]
addresses: [{type: InternalIP, address: {{ NodeIP | Quote }}}, {type: Hostname, address: {{ .metadata.name | Quote }}}]
daemonEndpoints: {kubeletEndpoint: {Port: {{ NodePort }}}}
phase: Running
`,
    },
  },
};

/** What the lines of every container's log are, current and previous run alike: kwok serves one file for all of them. */
export const CONTAINER_LOG = ['starting', 'connecting to database orders at 10.96.14.3:5432', 'fatal: connection refused, giving up'];

/** kwok's whole configuration as YAML documents (JSON is YAML). */
export function kwokConfiguration(extraStages: readonly Stage[], logFile: string): string {
  const logs = {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'ClusterLogs',
    metadata: { name: 'every-container' },
    spec: { selector: {}, logs: [{ logsFile: logFile, previousLogsFile: logFile }] },
  };
  return [nodeReady, ...POD_STAGES, ...extraStages, logs].map((document) => JSON.stringify(document)).join('\n---\n');
}
