/** Pods that have nothing more to do by themselves: they run, until how their containers behave changes. */
import type { Cluster } from '../../cluster.ts';
import type { Pod } from '../../objects.ts';
import { resources } from '../../resources.ts';
import { isTerminating } from '../pod-state.ts';
import { fateOf } from './fates.ts';

export class Settled {
  readonly #cluster: Cluster;
  readonly #pods = new Map<string, { namespace: string; name: string; fate: string }>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  add(pod: Pod): void {
    const { uid, namespace = '', name } = pod.metadata;
    this.#pods.set(uid, { namespace, name, fate: this.#fateOf(pod) });
  }

  delete(uid: string): void {
    this.#pods.delete(uid);
  }

  /** Those that behave differently from now on. */
  changed(): Pod[] {
    return [...this.#pods.values()].flatMap(({ namespace, name, fate }) => {
      const pod = this.#cluster.store.get(resources.pods, namespace, name)?.object as Pod | undefined;
      return pod && !isTerminating(pod) && this.#fateOf(pod) !== fate ? [pod] : [];
    });
  }

  /** The image and the configuration of a container that runs are there. */
  #fateOf(pod: Pod): string {
    const kinds = pod.spec.containers.map(
      (container, index) => fateOf(this.#cluster, pod, container, { init: false, first: index === 0 }).kind,
    );
    return kinds.map((kind) => (kind === 'never-ready' || kind === 'crashes' ? kind : 'runs')).join(' ');
  }
}
