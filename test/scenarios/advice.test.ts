import { describe } from 'vitest';
import { advisedWays } from '../support/advice.ts';
import { startWorld } from '../support/world.ts';

describe('what the advice of a failure leads to, on simulated clusters', () => {
  advisedWays(async () => {
    const world = await startWorld({ clusters: 2 });
    const grounds = world.clusters.map((cluster, index) => ({
      cluster: cluster.name,
      namespace: 'default',
      recorder: world.recorders[index]!,
    }));
    const [edited, other] = grounds;
    if (!edited || !other) throw new Error('there are no two clusters');
    return { speaker: world, grounds: () => Promise.resolve([edited, other] as const), close: () => world.close() };
  });
});
