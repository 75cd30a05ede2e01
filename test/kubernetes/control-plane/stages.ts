import { POD_STAGES } from './pod-stages.ts';

/** A kwok Stage: which objects it takes, after which delay, and what it does to them. */
export interface Stage {
  readonly apiVersion: 'kwok.x-k8s.io/v1alpha1';
  readonly kind: 'Stage';
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** A node becomes Ready at once. Its heartbeats are leases, which kwok renews by itself. The capacity is what the node was registered with. */
const nodeReady = (kubeletPort: number): Stage => ({
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
daemonEndpoints: {kubeletEndpoint: {Port: ${kubeletPort}}}
phase: Running
`,
    },
  },
});

/** kwok's whole configuration as YAML documents (JSON is YAML). Giving it any stage replaces its own, so all that there are is here. */
export function kwokConfiguration(extraStages: readonly Stage[], kubeletPort: number): string {
  return [nodeReady(kubeletPort), ...POD_STAGES, ...extraStages].map((document) => JSON.stringify(document)).join('\n---\n');
}
