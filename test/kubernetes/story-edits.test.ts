import { describe } from 'vitest';
import { foreignEdits } from '../support/foreign-edits.ts';
import { startStoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';

describe.skipIf(providedClusters().length === 0)('pod templates that others edit, on a real control plane', () => {
  foreignEdits(async () => {
    const world = await startStoryWorld();
    return {
      speaker: world,
      ground: async (name) => {
        const [site] = await world.sites(providedClusters().slice(0, 1), name);
        if (!site) throw new Error('there is no control plane');
        return { cluster: site.name, namespace: site.namespace, recorder: site.recorder };
      },
      close: () => world.close(),
    };
  });
});
