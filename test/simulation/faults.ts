/** What goes wrong in a run: chosen by the seed, one thing at a time or several, and over after a while. */
import { removeObject } from '../../simulator/api/delete.ts';
import { resources } from '../../simulator/resources.ts';
import type { Pod } from '../../simulator/objects.ts';
import type { Chance } from '../rollouts/model/chance.ts';
import { NO_MESSAGE_FAULTS } from './messages.ts';
import type { MessageFaults } from './messages.ts';
import type { NetworkFaults } from './network.ts';
import type { Recorder } from './recorder.ts';
import { NAMESPACE } from './releases.ts';
import type { Process } from './time.ts';
import type { Place, World } from './world.ts';

export interface Fault {
  /** Milliseconds after the request of its step. */
  after: number;
  /** Milliseconds. */
  lasts: number;
  /** Which worker or cluster it strikes, as a share of 1 of those that are there. */
  whom: number;
  what:
    | { kind: 'CRASH'; events: number }
    | { kind: 'STOP' | 'FREEZE' | 'CUT_WATCHES' | 'DATABASE_AWAY' }
    | { kind: 'NETWORK'; faults: Partial<NetworkFaults> }
    | { kind: 'DATABASE_BREAKS'; share: number }
    | { kind: 'MESSAGES'; faults: Partial<MessageFaults> }
    | { kind: 'DRAIN'; pods: number };
}

const one = <T>(all: readonly T[], share: number): T | undefined => all[Math.min(all.length - 1, Math.floor(share * all.length))];

function whatOf(chance: Chance): Fault['what'] {
  const share = (): number => chance.one([0.05, 0.2, 0.5]);
  const kinds = [
    'CRASH',
    'CRASH',
    'CRASH',
    'STOP',
    'FREEZE',
    'NETWORK',
    'NETWORK',
    'CUT_WATCHES',
    'DATABASE_AWAY',
    'DATABASE_BREAKS',
    'MESSAGES',
    'DRAIN',
  ] as const;
  const kind = chance.one(kinds);
  switch (kind) {
    case 'CRASH':
      return { kind, events: chance.between(1, 60) };
    case 'NETWORK':
      return { kind, faults: networkFaults(chance, share()) };
    case 'DATABASE_BREAKS':
      return { kind, share: chance.one([0.02, 0.1]) };
    case 'MESSAGES':
      return { kind, faults: { lost: share(), repeated: share(), delay: chance.one([0, 500, 5_000]) } };
    case 'DRAIN':
      return { kind, pods: chance.between(1, 2) };
    default:
      return { kind };
  }
}

function networkFaults(chance: Chance, share: number): Partial<NetworkFaults> {
  return chance.one([
    { partition: 'hang' as const },
    { partition: 'refuse' as const },
    { resets: share },
    { lostAnswers: share },
    { throttled: share },
    { failed: share },
    { delay: chance.one([100, 1_000]) },
    { watchDelay: chance.one([200, 2_000]) },
  ]);
}

/** The faults of one step: most often none. */
export function faultsOf(chance: Chance): readonly Fault[] {
  return Array.from({ length: chance.one([0, 0, 1, 1, 2]) }, () => ({
    after: chance.between(0, 8_000),
    lasts: chance.one([100, 1_000, 5_000, 15_000]),
    whom: chance.next(),
    what: whatOf(chance),
  }));
}

/** Lets it happen now, and end in its time. */
export function strike(world: World, recorder: Recorder, { whom, lasts, what }: Fault): void {
  const worker = (): Process | undefined =>
    one(
      world.workers.filter((process) => process.alive),
      whom,
    );
  const place = one(world.places, whom)!;
  const later = (end: () => void): void => void world.time.after(lasts, end);
  switch (what.kind) {
    case 'CRASH':
      worker()?.killBefore(what.events);
      return later(() => void world.startWorker());
    case 'STOP': {
      const process = worker();
      if (process) world.stopWorker(process);
      return later(() => void world.startWorker());
    }
    case 'FREEZE':
      return worker()?.freeze(lasts);
    case 'CUT_WATCHES':
      return place.network.cutWatches();
    case 'NETWORK':
      place.network.change(what.faults);
      return later(() => place.network.change({}));
    case 'DATABASE_AWAY':
      world.postgres.awayUntil = world.time.now + lasts;
      return;
    case 'DATABASE_BREAKS':
      world.postgres.breaks = what.share;
      return later(() => (world.postgres.breaks = 0));
    case 'MESSAGES':
      world.messages.faults = { ...NO_MESSAGE_FAULTS, ...what.faults };
      return later(() => (world.messages.faults = NO_MESSAGE_FAULTS));
    case 'DRAIN':
      return drain(place, recorder, what.pods);
  }
}

/** Deletes pods as a drained node does. */
function drain(place: Place, recorder: Recorder, count: number): void {
  const { cluster } = place;
  const pods = cluster.store.list(resources.pods, NAMESPACE).map(({ object }) => object as Pod);
  for (const pod of pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).slice(0, count)) {
    recorder.of(place).deletedByOthers.add(pod.metadata.uid);
    removeObject(cluster, resources.pods, pod, {});
  }
}
