import { describe } from 'vitest';
import { contract } from './contract/contract.ts';
import { providedClusters } from './support/clusters.ts';

const [cluster] = providedClusters();

describe.skipIf(cluster === undefined)(`a real control plane, ${cluster?.version ?? 'none'}`, () => {
  for (const part of contract)
    part(() => {
      if (cluster === undefined) throw new Error('no control plane is provided');
      return cluster;
    });
});
