import { describe, expect, it } from 'vitest';
import { ByteBudget, ObjectStore } from '../../../src/clusters/kubernetes/store.ts';
import type { KubernetesObject } from '../../../src/clusters/kubernetes/types.ts';

const budget = (limit: number, whose: string, within: ByteBudget | null = null): ByteBudget =>
  new ByteBudget(limit, whose, 'advice', within);
const object = (name: string, characters = 400): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, uid: name },
  text: 'x'.repeat(characters),
});

describe('a store', () => {
  it('refuses what does not fit and stays as it was', () => {
    const store = new ObjectStore(budget(4_096, 'of this placement'));
    store.replace([object('a'), object('b')]);
    expect(() => store.set(object('c', 2_000))).toThrow('The objects of this placement need more than 4 KiB of memory.');
    expect(() => store.replace([object('d', 4_000)])).toThrow('need more than');
    expect(store.objects.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
  });

  it('counts each object once, however often it changes, and gives back what is deleted', () => {
    const store = new ObjectStore(budget(4_096, 'of this placement'));
    for (let n = 0; n < 100; n += 1) store.set(object('a', n));
    for (let n = 0; n < 100; n += 1) {
      store.set(object(`b-${n}`));
      store.delete(object(`b-${n}`));
      store.delete(object('never there'));
    }
    store.clear();
    store.set(object('c', 1_500));
    expect(store.objects).toHaveLength(1);
  });

  it('counts towards the budgets around its own, which others may have used up', () => {
    const worker = budget(10_240, 'on this worker');
    const hostile = budget(6_144, 'of this cluster', worker);
    const stores = [0, 1].map(() => new ObjectStore(budget(4_096, 'of this placement', hostile)));
    stores[0]?.set(object('a', 1_400));
    expect(() => stores[1]?.set(object('b', 1_400))).toThrow('The objects of this cluster need more than 6 KiB');
    const others = [0, 1, 2].map(() => new ObjectStore(budget(4_096, 'of this placement', budget(6_144, 'of this cluster', worker))));
    others[0]?.set(object('c', 1_400));
    others[1]?.set(object('d', 700));
    expect(() => others[2]?.set(object('e', 1_000))).toThrow('The objects on this worker need more than 10 KiB');
    stores[0]?.clear();
    others[2]?.set(object('e', 1_000));
  });
});
