import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectCluster } from '../../../src/clusters/kubernetes/client.ts';
import { watchPlacement } from '../../../src/clusters/kubernetes/placement-watch.ts';
import type { PlacementSnapshot, PlacementWatch } from '../../../src/clusters/kubernetes/types.ts';
import { Absence, observeLive } from '../../../src/rollouts/engine/observe.ts';
import { startHostileServer } from './hostile-server.ts';
import type { AttackName, HostileServer } from './hostile-server.ts';

const MiB = 1024 * 1024;
const cleanups: (() => Promise<unknown> | void)[] = [];
let hostile: HostileServer;

beforeAll(async () => {
  hostile = await startHostileServer();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => hostile.stop());

interface Watched {
  watch: PlacementWatch;
  until: (holds: (snapshot: PlacementSnapshot) => boolean) => Promise<PlacementSnapshot>;
}

/** A placement on the cluster with this attack. */
function place(attack: AttackName, onChange: () => void = () => undefined): Watched {
  const credential = { server: hostile.server(attack), ca: hostile.ca, auth: { token: 't'.repeat(20) } };
  const client = connectCluster(credential, { allowedNetworks: ['127.0.0.0/8'] });
  let wake = (): void => undefined;
  const watch = watchPlacement(client, { namespace: 'shop', workload: 'web', workloadId: 'w-1' }, () => {
    onChange();
    wake();
  });
  cleanups.push(
    () => client.close(),
    () => watch.stop(),
  );
  const until: Watched['until'] = async (holds) => {
    for (;;) {
      const changed = new Promise<void>((resolve) => (wake = resolve));
      const snapshot = watch.snapshot();
      if (holds(snapshot)) return snapshot;
      await changed;
    }
  };
  return { watch, until };
}

interface Cost {
  blockedMilliseconds: number;
  heapMiB: number;
  cpuMilliseconds: number;
}

/** What the work costs this thread, the server excluded. */
async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const memory = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return (heapUsed + arrayBuffers) / MiB;
  };
  const before = memory();
  let peak = before;
  const sampler = setInterval(() => (peak = Math.max(peak, memory())), 5);
  const cpu = process.threadCpuUsage();
  delay.enable();
  await work();
  await pause(20);
  delay.disable();
  clearInterval(sampler);
  const { user, system } = process.threadCpuUsage(cpu);
  return { blockedMilliseconds: delay.max / 1e6, heapMiB: Math.max(peak, memory()) - before, cpuMilliseconds: (user + system) / 1000 };
}

/** Bounds with room for a slow machine: without budgets the same attacks block for seconds and take hundreds of MiB. */
function expectBounded(cost: Cost): void {
  if (process.env['SHOW_COSTS']) process.stderr.write(`${expect.getState().currentTestName}: ${JSON.stringify(cost)}\n`);
  expect(cost.blockedMilliseconds).toBeLessThan(1_000);
  expect(cost.heapMiB).toBeLessThan(200);
}

describe('a hostile cluster', () => {
  it.each<[AttackName, string]>([
    ['a list of 30 MB of {},', "The server's answer cannot be read: it is not an object."],
    ['an endless list of tiny pods', 'The list of Pods in namespace shop has more than 20000 objects.'],
    ['endless pages of large objects', 'The list of Pods in namespace shop is longer than 16 MiB.'],
    ['pages of objects with keys that are never the same', 'The cluster sends JSON with more than 262144 values in one object.'],
    ['a list in chunks of one byte', 'An answer of the cluster is longer than 8 MiB.'],
    ['JSON nested 100,000 deep', 'The cluster sends JSON that is nested deeper than 50 levels.'],
    ['watch events of 4 MB', 'A watch event is longer than 1 MiB.'],
    ['a watch line without end', 'A watch event is longer than 1 MiB.'],
    ['watch events of 1 MB of {},', 'The cluster sends JSON with more than 262144 values in one object.'],
    ['more objects than the store has room for', 'The objects of this placement need more than 8 MiB of memory.'],
  ])('that sends %s is reported as unreachable, and costs little', async (attack, message) => {
    const cost = await costOf(async () => {
      const { until, watch } = place(attack);
      const { unreachable } = await until((snapshot) => snapshot.unreachable !== null);
      expect([unreachable?.error.kind, unreachable?.error.message]).toEqual(['SERVER', message]);
      expect(unreachable?.error.advice).not.toBe('');
      const placement = { workload: 'web', workloadId: 'w-1' };
      expect(observeLive(watch.snapshot(), placement, new Absence(), new Date())).toMatchObject({ kind: 'UNREACHABLE', message });
    });
    expectBounded(cost);
  });

  it.each<AttackName>(['endless pages of large objects', 'watch events of 4 MB', 'more objects than the store has room for'])(
    'that goes on sending %s is asked seldom, cut off at once, and nothing of its objects is kept',
    async (attack) => {
      const before = await hostile.seen();
      const { until, watch } = place(attack);
      await until((snapshot) => snapshot.unreachable !== null);
      await pause(3_000);
      const after = await hostile.seen();
      expect(after.lists - before.lists).toBeLessThanOrEqual(2 + 3);
      expect(after.watches - before.watches).toBeLessThanOrEqual(2 + 1);
      // What is on its way when the connection is cut comes on top of the budget.
      expect(after.bytes - before.bytes).toBeLessThan(30 * MiB);
      expect([watch.snapshot().synced, watch.snapshot().pods]).toEqual([false, []]);
    },
  );

  it.each<AttackName>(['a flood of bookmarks', 'a flood of changes'])('takes a bounded share of the time by %s', async (attack) => {
    const { watch } = place(attack);
    await watch.synced;
    // The first burst is read as fast as it comes.
    await pause(6_000);
    const seconds = 3;
    const cost = await costOf(() => pause(seconds * 1_000));
    expectBounded(cost);
    expect(cost.cpuMilliseconds / seconds).toBeLessThan(500);
  });
});

describe('a hostile placement of many objects', () => {
  it('that changes all the time reports it seldom', async () => {
    let reports = 0;
    const { watch, until } = place('changes of one of 5,000 pods', () => (reports += 1));
    await watch.synced;
    await until(({ pods }) => pods.length === 5_001);
    reports = 0;
    await pause(2_500);
    expect(reports).toBeGreaterThanOrEqual(1);
    expect(reports).toBeLessThanOrEqual(3);
  });
});

describe('an ordinary placement of 1,000 pods of 10 KB', () => {
  it('is listed within the budgets, and kept in a fraction of its size', async () => {
    const { watch } = place('an ordinary large placement');
    const cost = await costOf(() => watch.synced);
    const snapshot = watch.snapshot();
    expect([snapshot.unreachable, snapshot.pods.length]).toEqual([null, 1_000]);
    expectBounded(cost);
    expect(JSON.stringify(snapshot.pods).length).toBeLessThan(2 * MiB);
  });
});
