import { describe, expect, it } from 'vitest';
import { KubernetesError } from '../../../src/clusters/kubernetes/errors.ts';
import type { KubernetesErrorKind } from '../../../src/clusters/kubernetes/errors.ts';
import { Act } from '../../../src/rollouts/engine/act.ts';
import type { PlacementAccess } from '../../../src/rollouts/engine/act.ts';
import { Memory } from '../../../src/rollouts/engine/memory.ts';
import type { ActiveTarget } from '../../../src/rollouts/store/placement.repository.ts';

const READ = { kind: 'READ_LOG', pod: 'web-1', container: 'web', previous: false } as const;

/** Reads the log of a container on a cluster that answers every such request with this error, until it is read or has been asked for five times. */
async function asked(kind: KubernetesErrorKind): Promise<{ times: number; log: string | undefined }> {
  const memory = new Memory();
  let times = 0;
  const log = (): Promise<string> => {
    times += 1;
    return Promise.reject(new KubernetesError({ kind, message: 'error dialing backend' }));
  };
  const access = { client: { log }, assertOurs: () => undefined } as unknown as PlacementAccess;
  const active = { placement: { namespace: 'shop', workload: 'web' } } as ActiveTarget;
  while (times < 5 && !memory.logs.has('web-1/web')) await new Act(active, memory, access, null).perform(READ).catch(() => undefined);
  return { times, log: memory.logs.get('web-1/web') };
}

describe('a log that cannot be read', () => {
  it.each([
    ['NOT_FOUND', 1],
    ['FORBIDDEN', 1],
    ['SERVER', 3],
    ['UNREACHABLE', 3],
  ] as const)('because of %s is asked for %i times, and no failure waits for it any longer', async (kind, times) => {
    expect(await asked(kind)).toEqual({ times, log: '' });
  });
});
