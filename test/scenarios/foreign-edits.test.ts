import { describe } from 'vitest';
import { foreignEdits } from '../support/foreign-edits.ts';
import { startWorld } from '../support/world.ts';

describe('pod templates that others edit, on a simulated cluster', () => {
  foreignEdits(async () => {
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
