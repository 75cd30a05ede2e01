/**
 * Everybody moves by one step at a time, in an order of chance: the controllers' informers and syncs, the kubelets, and the engine between its decision and its
 * write. How fast each of them is, is chance as well, so that in some runs a ReplicaSet's status is far behind its pods, and in others the pods are behind.
 */
import { isIdle } from '../core/model.ts';
import type { Model } from '../core/model.ts';
import { Chance } from './chance.ts';

type Mover = 'DEPLOYMENTS' | 'SETS' | 'PODS' | 'DEPLOYMENT_SYNC' | 'SET_SYNC' | 'START' | 'STOP' | 'DECIDE' | 'WRITE';

interface Move {
  weight: number;
  make: () => void;
}

const SPEEDS = [1, 3, 10, 30];
/** In a cluster many of them happen at once. So all that follows a write, some hundreds, is done within the time that the next one waits for it. */
const STEP_MILLISECONDS = 1;

export class Interleaving {
  readonly chance: Chance;
  private readonly speeds: Record<Mover, number>;
  /** The cluster and the row as the engine has looked at them last, and when it looks again in any case. */
  private looked = '';
  private lookAt = Number.POSITIVE_INFINITY;

  constructor(
    readonly model: Model,
    seed: number,
  ) {
    this.chance = new Chance(seed);
    const speed = (): number => this.chance.one(SPEEDS);
    this.speeds = {
      DEPLOYMENTS: speed(),
      SETS: speed(),
      PODS: speed(),
      DEPLOYMENT_SYNC: speed(),
      SET_SYNC: speed(),
      START: speed(),
      STOP: speed(),
      DECIDE: speed(),
      WRITE: speed(),
    };
  }

  /** So many steps, or until nothing is left to happen but by time. */
  run(steps: number, until: () => boolean = () => false): void {
    for (let i = 0; i < steps && !until(); i++) if (!this.step()) return;
  }

  /** False where only time can bring anything. */
  step(): boolean {
    const move = this.chance.weighted(this.moves());
    this.model.now += STEP_MILLISECONDS;
    move?.make();
    return move !== null;
  }

  /** A Ready pod is so no more, until it starts again. */
  loseReadiness(): void {
    const ready = this.model.cluster.readyPods;
    if (ready.length > 0) this.model.cluster.becomeUnready(this.chance.one(ready));
  }

  private moves(): Move[] {
    const { model, speeds } = this;
    const { manager, cluster } = model;
    const moves: Move[] = [];
    const add = (mover: Mover, possible: boolean, make: () => void): void => {
      if (possible) moves.push({ weight: speeds[mover], make });
    };
    add('DEPLOYMENTS', manager.deployments.behind > 0, () => manager.deliverDeployment());
    add('SETS', manager.sets.behind > 0, () => manager.deliverSet());
    add('PODS', manager.pods.behind > 0, () => manager.deliverPod());
    add('DEPLOYMENT_SYNC', manager.deploymentHasWork, () => manager.stepDeployment());
    for (const uid of manager.setsWithWork) add('SET_SYNC', true, () => manager.stepSet(uid));
    const pods = cluster.pods.all;
    const starting = pods.filter((pod) => cluster.canStart(pod));
    add('START', starting.length > 0, () => model.startPod(this.chance.one(starting)));
    const stopping = pods.filter((pod) => pod.terminating);
    add('STOP', stopping.length > 0, () => cluster.removePod(this.chance.one(stopping)));
    add('WRITE', model.underWay !== null, () => model.land());
    add('DECIDE', model.underWay === null && this.isNews(), () => this.decide());
    return moves;
  }

  private isNews(): boolean {
    return this.looked !== this.state() || this.model.now >= this.lookAt;
  }

  private decide(): void {
    this.model.decideAll();
    const state = this.state();
    const decision = this.model.decide();
    this.lookAt = decision.lookAt?.getTime() ?? Number.POSITIVE_INFINITY;
    this.looked = isIdle(decision) ? state : '';
  }

  private state(): string {
    const { cluster, phases } = this.model;
    return `${cluster.lastVersion} ${phases}`;
  }
}
