import { describe } from 'vitest';
import { advisedWays } from '../support/advice.ts';
import { aroundDeployments } from '../support/around.ts';
import { foreignEdits } from '../support/foreign-edits.ts';
import type { EditedWorld, Ground } from '../support/foreign-edits.ts';
import { startStoryWorld } from './story/world.ts';
import type { StoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';

const groundsOf = async (world: StoryWorld, name: string, planes: number): Promise<Ground[]> => {
  const sites = await world.sites(providedClusters().slice(0, planes), name);
  return sites.map((site) => ({ cluster: site.name, namespace: site.namespace, recorder: site.recorder }));
};

async function startEditedWorld(): Promise<EditedWorld> {
  const world = await startStoryWorld();
  return {
    speaker: world,
    ground: async (name) => {
      const [ground] = await groundsOf(world, name, 1);
      if (!ground) throw new Error('there is no control plane');
      return ground;
    },
    close: () => world.close(),
  };
}

describe.skipIf(providedClusters().length === 0)('pod templates that others edit, on a real control plane', () => {
  foreignEdits(startEditedWorld);
});

describe.skipIf(providedClusters().length === 0)('what is around a Deployment, on a real control plane', () => {
  aroundDeployments(startEditedWorld);
});

describe.skipIf(providedClusters().length < 2)('what the advice of a failure leads to, on two real control planes', () => {
  advisedWays(async () => {
    const world = await startStoryWorld();
    return {
      speaker: world,
      grounds: async (name) => {
        const [edited, other] = await groundsOf(world, name, 2);
        if (!edited || !other) throw new Error('there are no two control planes');
        return [edited, other] as const;
      },
      close: () => world.close(),
    };
  });
});
