import { describe } from 'vitest';
import { aroundDeployments } from '../support/around.ts';
import { startWorld } from '../support/world.ts';

describe('what is around a Deployment, on a simulated cluster', () => {
  aroundDeployments(async () => {
    const world = await startWorld({ clusters: 1 });
    const [cluster, recorder] = [world.clusters[0], world.recorders[0]];
    if (!cluster || !recorder) throw new Error('there is no cluster');
    return {
      speaker: world,
      ground: () => Promise.resolve({ cluster: cluster.name, namespace: 'default', recorder }),
      close: () => world.close(),
    };
  });
});
