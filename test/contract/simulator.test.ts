import { afterAll, beforeAll, describe } from 'vitest';
import { startSimulator } from '../../simulator/simulator.ts';
import type { Simulator } from '../../simulator/simulator.ts';
import { contract } from '../kubernetes/contract/contract.ts';
import type { Cluster } from '../kubernetes/contract/world.ts';

describe('a simulated cluster', () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({
      clusters: contract.length,
      seed: 1,
      podStartMilliseconds: [150, 400],
      podStopMilliseconds: [10, 50],
    });
  });
  afterAll(() => simulator.stop());

  const clusterOf =
    (index: number): Cluster =>
    () => {
      const cluster = simulator.clusters[index];
      if (cluster === undefined) throw new Error('the simulator has too few clusters');
      return { server: cluster.server, caData: cluster.caData, adminToken: cluster.token, kubeconfig: cluster.kubeconfig };
    };

  // Each part has a cluster of its own, so that all are held at the same time, the cases of each one after another.
  for (const [index, part] of contract.entries())
    describe.concurrent(`cluster-${index + 1}`, () => {
      describe.sequential('in turn', () => part(clusterOf(index)));
    });
});
