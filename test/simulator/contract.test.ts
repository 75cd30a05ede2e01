import { afterAll, beforeAll, describe } from 'vitest';
import { startSimulator } from '../../simulator/simulator.ts';
import type { Simulator } from '../../simulator/simulator.ts';
import { contract } from '../kubernetes/contract/contract.ts';

/** The very cases that hold against a real control plane. */
describe('a simulated cluster', () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ clusters: 1 });
  });
  afterAll(() => simulator.stop());

  contract(() => {
    const [cluster] = simulator.clusters;
    if (!cluster) throw new Error('the simulator has no cluster');
    return { server: cluster.server, caData: cluster.caData, adminToken: cluster.token };
  });
});
