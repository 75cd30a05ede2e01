/** A worker as a process of the simulation: the runtime and the reconcilers of rollouts and placements, as `worker.module.ts` puts them together. */
import { Connections } from '../../src/clusters/connections.ts';
import { connectCluster } from '../../src/clusters/kubernetes/client.ts';
import { PlacementReconciler } from '../../src/rollouts/engine/placement-reconciler.ts';
import { PlacementWork } from '../../src/rollouts/engine/placement-work.ts';
import { RolloutReconciler } from '../../src/rollouts/engine/rollout-reconciler.ts';
import { DatabaseClock } from '../../src/runtime/clock.ts';
import type { Reconciler } from '../../src/runtime/reconciler.ts';
import type { WorkKind } from '../../src/runtime/kinds.ts';
import { Runtime } from '../../src/runtime/runtime.ts';
import { Work } from '../../src/runtime/work.ts';
import type { Messages } from './messages.ts';
import type { SimulatedNetwork } from './network.ts';
import type { Postgres } from './postgres.ts';
import { SimulatedEvents, SimulatedPlacements, SimulatedRollouts } from './rows.ts';
import { Session } from './session.ts';
import type { Process } from './time.ts';
import { SimulatedLeaseRows, SimulatedWorkRows } from './work-rows.ts';

export interface Surroundings {
  postgres: Postgres;
  messages: Messages;
  /** By the cluster's id. */
  networks: ReadonlyMap<string, SimulatedNetwork>;
  regions: readonly { id: string; name: string }[];
  report: (process: Process, error: unknown) => void;
}

/** What both a worker and the API have: rows, work, events. */
export function store(process: Process, { postgres, messages }: Surroundings) {
  const session = new Session(postgres, process);
  const announce = messages.announce(process);
  const queues = messages.queues(process);
  const work = new Work(session, queues, announce, new SimulatedWorkRows(session));
  return {
    session,
    announce,
    queues,
    work,
    events: new SimulatedEvents(session),
    rollouts: new SimulatedRollouts(session, work, announce),
  };
}

/** A worker that serves these regions (null = all). To be made and started inside of its process. */
export function makeWorker(process: Process, around: Surroundings, regions: readonly string[] | null): Runtime {
  const { session, announce, queues, work, events, rollouts } = store(process, around);
  const report = (error: unknown): void => around.report(process, error);
  const clock = new DatabaseClock();
  const placements = new SimulatedPlacements(session);
  const connections = new Connections(session, credentials, { credentialVersion: () => Promise.resolve(1) }, (credential) => {
    const network = around.networks.get(new URL(credential.server).hostname);
    if (!network) throw new Error(`no simulated cluster ${credential.server}`);
    return connectCluster(credential, { dispatcher: network.connect(process) });
  });
  const placementWork = new PlacementWork(session, placements, events, work, announce, connections, clock, report);
  const leases = new SimulatedLeaseRows(session);
  return new Runtime({
    ...{ queues, announce, work, clock, report, regions },
    rows: leases,
    renewals: { renew: (tokens) => leases.renew(tokens), close: () => Promise.resolve() },
    reconcilers: {
      rollouts: new RolloutReconciler(session, rollouts, events, work, clock, report),
      placements: new PlacementReconciler(session, placements, announce, placementWork, { tick: () => Promise.resolve() }),
      clusters: idle('clusters', 'REGION'),
      inquiries: idle('inquiries', 'REGION'),
    },
    allRegions: () => Promise.resolve(around.regions),
  });
}

const credentials = {
  get: (clusterId: string) =>
    Promise.resolve({ version: 1, credential: { server: `https://${clusterId}`, ca: '', auth: { token: `token of ${clusterId}` } } }),
};

/** Work of which the simulation makes none. */
function idle<K extends WorkKind>(kind: K, scope: Reconciler<K>['scope']): Reconciler<K> {
  const share = { tenant: null, cluster: null, held: null };
  return { kind, scope, slots: 1, held: 1, batch: 1, share, run: () => Promise.resolve(null) };
}
