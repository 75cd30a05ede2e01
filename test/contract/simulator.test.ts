import { afterAll, beforeAll, describe } from 'vitest';
import { startSimulator } from '../../simulator/simulator.ts';
import type { Simulator } from '../../simulator/simulator.ts';
import { contract } from '../kubernetes/contract/contract.ts';

describe('a simulated cluster', () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ clusters: 1, seed: 1, podStartMilliseconds: [150, 400], podStopMilliseconds: [10, 50] });
  });
  afterAll(() => simulator.stop());

  contract(() => {
    const [cluster] = simulator.clusters;
    if (cluster === undefined) throw new Error('the simulator has no cluster');
    return { server: cluster.server, caData: cluster.caData, adminToken: cluster.token, kubeconfig: cluster.kubeconfig };
  });
});
