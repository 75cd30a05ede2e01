import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startStandalone } from '../../../src/standalone.ts';
import { expectStatus, OPERATOR_KEY } from '../../support/api.ts';
import { onConnection } from '../../support/database.ts';
import type { Recorder } from '../../support/recorder.ts';
import { ask, BETTER, deploy, makeWorkload, running, settled, startWorld, violations, webDocument } from '../../support/world.ts';
import type { Worker, World } from '../../support/world.ts';

/** What a stop is promised to take at most; whoever had to be made to stop has taken longer. */
const PROMISED_MILLISECONDS = 5_000;
/** Holds at half of the pods until it is promoted. */
const steps = [{ weight: 50 }, { pause: true }];
const document = webDocument({
  replicas: 4,
  strategy: { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps, progressDeadlineSeconds: 60 },
});

/** What becomes of what is sent to the cluster. Swallowed: connections stand and are made, and nothing ever comes through, as behind a firewall that drops packets. */
type Fate = 'ANSWERED' | 'SWALLOWED' | 'REFUSED';

/** A way to a cluster, which a test decides over. */
class Way extends EventEmitter<{ swallowed: []; refused: [] }> {
  private readonly sockets = new Set<Socket>();
  private fate: Fate = 'ANSWERED';
  private readonly server = createServer((socket) => this.join(socket));

  constructor(private readonly target: number) {
    super();
  }

  async open(): Promise<number> {
    await once(this.server.listen(0, '127.0.0.1'), 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  /** From now on. What was swallowed stays so: those connections end when they are answered again. */
  set(fate: Fate): void {
    const before = this.fate;
    this.fate = fate;
    if (fate === 'REFUSED' || before !== 'ANSWERED') for (const socket of this.sockets) socket.destroy();
  }

  close(): void {
    this.server.close();
    this.set('REFUSED');
  }

  private join(socket: Socket): void {
    if (this.fate === 'REFUSED') {
      this.emit('refused');
      return void socket.destroy();
    }
    const upstream = connect(this.target, '127.0.0.1');
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (data) => {
        if (this.fate === 'ANSWERED') to.write(data);
        else if (from === socket) this.emit('swallowed');
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }
}

const CLUSTER = 'behind-the-way';

describe('stopped in the middle of a rollout', () => {
  let world: World;
  let way: Way;
  let recorder: Recorder;
  let folder: string;

  const startAll = async (): Promise<Worker> => {
    const { databaseUrl, databaseOwnerUrl, masterKey, allowedNetworks } = world.config;
    const standalone = await startStandalone({
      PORT: '0',
      DATA_DIR: folder,
      LOG_LEVEL: 'silent',
      DATABASE_URL: databaseUrl,
      DATABASE_OWNER_URL: databaseOwnerUrl,
      SLIPWAY_MASTER_KEY: masterKey.toString('base64'),
      SLIPWAY_OPERATOR_KEY: OPERATOR_KEY,
      SLIPWAY_ALLOWED_NETWORKS: allowedNetworks.join(','),
    });
    // One who follows, and one who keeps a connection in reserve.
    const following = await fetch(`${standalone.url}/v1/events`, {
      headers: { authorization: `Bearer ${world.tenant.key}`, accept: 'text/event-stream' },
    });
    expect(following.status).toBe(200);
    await once(connect(Number(new URL(standalone.url).port), '127.0.0.1'), 'connect');
    return standalone;
  };
  /** What nobody else could take up at once: whatever is held, and the workload's placement where it is not due. */
  const notFree = (workload: string): Promise<string[]> =>
    onConnection(world.api.database.ownerUrl, async (client) => {
      const { rows } = await client.query<{ what: string }>(
        `SELECT kind || ' ' || id AS what FROM work WHERE lease_owner IS NOT NULL
         UNION ALL SELECT 'idle ' || p.id FROM placements p
           WHERE p.workload_id = $1 AND NOT EXISTS (SELECT 1 FROM work w WHERE w.kind = 'placements' AND w.id = p.id AND w.due_at <= now())`,
        [workload],
      );
      return rows.map(({ what }) => what);
    });

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-stop-'));
    world = await startWorld({ clusters: 1, regions: ['eu'], workers: 0 });
    const { port } = world.simulator;
    way = new Way(port);
    const [cluster] = world.clusters;
    if (!cluster) throw new Error('there is no cluster');
    const kubeconfig = cluster.kubeconfig.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${await way.open()}`);
    expectStatus(await world.tenant.rest('POST', '/v1/clusters', { name: CLUSTER, region: 'eu', kubeconfig }), 201);
    [recorder] = world.recorders as [Recorder];
  });
  afterEach(() => way.set('ANSWERED'));
  afterAll(async () => {
    way.close();
    await world.close();
    rmSync(folder, { recursive: true });
  });

  test.each([
    ['API and worker, whose cluster answers', 'ANSWERED', startAll],
    ['API and worker, whose cluster refuses every connection', 'REFUSED', startAll],
    ['API and worker, whose cluster swallows a write and all else', 'SWALLOWED', startAll],
    ['a worker, whose cluster swallows a write and all else', 'SWALLOWED', () => world.startWorker()],
  ] as const)('%s: they end by themselves, and the next worker goes on', async (_, fate, start) => {
    const name = `shop-${world.rollouts.size}`;
    const there = { ...world, clusters: world.clusters.map((cluster) => ({ ...cluster, name: CLUSTER })) };
    const workload = await makeWorkload(there, name, document);
    const first = await start();
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
    recorder.expect(name, { replicas: 4, maxSurge: 1, maxUnavailable: 0 });
    const id = await deploy(world, workload, { values: { image: BETTER } });
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });

    way.set(fate);
    const struck = fate === 'SWALLOWED' ? once(way, 'swallowed') : fate === 'REFUSED' ? once(way, 'refused') : null;
    await ask(world, `/rollouts/${id}/promote`);
    await (struck ??
      recorder.until(() => recorder.replicaSets(name).some((set) => set.image === BETTER && set.replicas > 2), 'a third pod'));
    const began = performance.now();
    await first.close();

    expect(performance.now() - began).toBeLessThan(PROMISED_MILLISECONDS);
    expect(await notFree(workload)).toEqual([]);

    way.set('ANSWERED');
    const next = await world.startWorker();
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, name)).toEqual([`${BETTER} x4`]);
    await next.close();
    world.workers.length = 0;
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
