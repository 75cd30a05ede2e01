import { accessContract } from './access.contract.ts';
import { aroundWriteContract } from './around-write.contract.ts';
import { applyContract } from './apply.contract.ts';
import { clientContract } from './client.contract.ts';
import { failuresContract } from './failures.contract.ts';
import { gateContract } from './gate.contract.ts';
import { judgedContract } from './judged.contract.ts';
import { rollbackContract } from './rollback.contract.ts';
import { templateWriteContract } from './template-write.contract.ts';
import { watchContract } from './watch.contract.ts';
import { workloadContract } from './workload.contract.ts';
import type { Cluster } from './world.ts';

/** Everything that is relied on of a cluster. The same cases hold against a real control plane and against a simulated one, and make the latter trustworthy. */
export const contract: readonly ((cluster: Cluster) => void)[] = [
  clientContract,
  applyContract,
  watchContract,
  workloadContract,
  rollbackContract,
  templateWriteContract,
  aroundWriteContract,
  gateContract,
  failuresContract,
  accessContract,
  judgedContract,
];
