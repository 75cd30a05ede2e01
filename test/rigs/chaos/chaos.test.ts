import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../../simulator/random.ts';
import { SKIP_VARIABLE } from '../../kubernetes/support/clusters.ts';
import { FAULTS } from './faults.ts';
import { Shop } from './shop.ts';
import { startSystem } from './system.ts';
import type { System } from './system.ts';

/** Rollouts in all; the gate takes fewer. */
const ROLLOUTS = Number(process.env['SLIPWAY_CHAOS'] ?? 300);
/** Workloads that are changed at the same time. */
const SHOPS = 4;
/** A run's requests and faults; how they meet in time is not repeatable. */
const SEED = Number(process.env['SLIPWAY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const SECONDS_FOR_EACH = 60;

/** One fault after another, until told to stop. */
async function disturb(system: System, isOver: () => boolean): Promise<string[]> {
  const random = seededRandom(SEED);
  const done: string[] = [];
  const names = Object.keys(FAULTS);
  while (!isOver()) {
    const name = names[Math.floor(random.next() * names.length)]!;
    await FAULTS[name]!(system, random);
    await system.ready();
    done.push(name);
  }
  return done;
}

const countsOf = (names: readonly string[]): object =>
  Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));

interface Event {
  id: string;
  type: string;
  rollout: string | null;
}

async function allEvents(system: System): Promise<Event[]> {
  const events: Event[] = [];
  for (;;) {
    const { body } = await system.request('GET', `/v1/events?after=${events.at(-1)?.id ?? 0}&limit=200`);
    const items = body['items'] as Event[];
    if (items.length === 0) return events;
    events.push(...items);
  }
}

const ENDS = ['rollout.succeeded', 'rollout.rolled_back', 'rollout.failed', 'rollout.canceled', 'rollout.superseded'];

describe.skipIf(process.env[SKIP_VARIABLE] === '1')('the product, all parts of which fail', () => {
  let system: System;
  let shops: Shop[];

  beforeAll(async () => {
    console.log(`chaos: ${ROLLOUTS} rollouts, SLIPWAY_SEED=${SEED}`);
    system = await startSystem();
    const open = (_: unknown, index: number): Promise<Shop> => Shop.open(system, `shop-${index}`, seededRandom(SEED + index + 1));
    shops = await Promise.all(Array.from({ length: SHOPS }, open));
  }, 900_000);
  afterAll(() => system.stop());

  test(
    `${ROLLOUTS} rollouts end as they must, whatever fails`,
    async () => {
      let left = ROLLOUTS;
      const kinds: string[] = [];
      const broken: unknown[] = [];
      const work = async (shop: Shop): Promise<void> => {
        while (left-- > 0 && broken.length === 0) {
          kinds.push(await shop.act());
        }
      };
      let over = false;
      const disturbing = disturb(system, () => over);
      await Promise.all(shops.map((shop) => work(shop).catch((error: unknown) => broken.push(error))));
      over = true;
      const faults = await disturbing;
      console.log(`chaos: rollouts: ${JSON.stringify(countsOf(kinds))}`);
      console.log(`chaos: ${faults.length} faults: ${JSON.stringify(countsOf(faults))}`);

      expect(broken).toEqual([]);
      // A and S at every change that was recorded.
      expect(system.sites.flatMap(({ recorder }) => [...recorder.violations, ...recorder.unseen()])).toEqual([]);
      // E: no gap in the sequence. T: every rollout has one end. 1: every request made one rollout.
      const events = await allEvents(system);
      expect(events.filter((event, index) => Number(event.id) !== index + 1)).toEqual([]);
      const asked = shops.flatMap(({ rollouts }) => rollouts);
      const ends = new Map(asked.map((id) => [id, events.filter((event) => event.rollout === id && ENDS.includes(event.type)).length]));
      expect([...ends].filter(([, times]) => times !== 1)).toEqual([]);
      const created = events.filter(({ type }) => type === 'rollout.created').map(({ rollout }) => rollout);
      expect(created.toSorted()).toEqual(asked.toSorted());
    },
    ROLLOUTS * SECONDS_FOR_EACH * 1000 + 300_000,
  );
});
