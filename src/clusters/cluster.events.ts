import type { EventTable } from '../events/event-types.ts';

export const clusterEvents = {
  'cluster.registered': 'A cluster was registered.',
  'cluster.connected': 'A check reached the cluster, and its credentials suffice; before they did not, or it was not checked.',
  'cluster.unreachable': 'A check did not reach the cluster; before, it did.',
  'cluster.denied': 'The cluster refuses the credentials, or they lack permissions.',
  'cluster.removed': 'A cluster was removed, and what was left behind there.',
} as const satisfies EventTable;

declare module '../events/event-types.ts' {
  interface EventTypes {
    clusters: keyof typeof clusterEvents;
  }
}
