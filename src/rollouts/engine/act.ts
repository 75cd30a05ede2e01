import type { KubernetesClient, ObjectRef, Precondition } from '../../clusters/kubernetes/types.ts';
import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesErrorKind } from '../../clusters/kubernetes/errors.ts';
import { failpoint } from '../../common/failpoint.ts';
import { LABELS } from '../../workloads/core/objects.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { TargetAction } from '../core/decision.ts';
import type { Side } from '../core/observation.ts';
import { foreignObject } from './failures.ts';
import type { Memory } from './memory.ts';
import { distinct, gatedDeployment, keyOf, openDeployment, sideObjects, toPrune, toRefresh } from './objects.ts';
import type { Objects } from './objects.ts';
import type { ActiveTarget } from './placement.repository.ts';
import { preflight } from './preflight.ts';

const LOG_LINES = 20;
/** Answers that another attempt would get as well: the container has no log, or we may not read it. */
const NO_LOG: ReadonlySet<KubernetesErrorKind> = new Set(['NOT_FOUND', 'INVALID', 'FORBIDDEN']);

/** What acting takes from the holder of the placement. */
export interface Hands {
  client: KubernetesClient;
  /** Throws where the lease may be gone: asked before every write. */
  assertOurs(): void;
  /** The rendered objects of a digest. */
  rendering(digest: string): Promise<KubernetesObject[]>;
  /** The objects of the placement's releases, by kind and name. */
  keptObjects(releases: 'ALL' | 'GOOD'): Promise<KubernetesObject[]>;
}

/** What of the Deployment was written: the watch has to show it before the next decision. */
export type Written = { deployment: true; before: string | null } | { deployment: false };

const NOTHING: Written = { deployment: false };

/** Performs decisions to the letter; it decides nothing. Every write to an existing object is fenced by what was observed. */
export class Act {
  constructor(
    private readonly active: ActiveTarget,
    private readonly memory: Memory,
    private readonly hands: Hands,
    /** Of the Deployment as observed. */
    private readonly observed: Precondition | null,
  ) {}

  /** @throws KubernetesError where the cluster did not do it, LeaseLost where it is no longer ours to do. */
  async perform(action: TargetAction): Promise<Written> {
    switch (action.kind) {
      case 'PREFLIGHT':
        await this.preflight(action.takeOver);
        return NOTHING;
      case 'READ_LOG':
        await this.readLog(action);
        return NOTHING;
      case 'APPLY':
        return this.apply(action);
      case 'FINISH':
        await this.finish(action.side);
        return NOTHING;
      case 'SCALE':
        this.hands.assertOurs();
        await this.hands.client.scale(this.deployment, action.replicas, action.precondition);
        return { deployment: true, before: action.precondition.resourceVersion };
      case 'DELETE':
        await this.delete(action.precondition);
        return action.precondition ? { deployment: true, before: action.precondition.resourceVersion } : NOTHING;
    }
  }

  private get deployment(): { namespace: string; name: string } {
    const { namespace, workload } = this.active.placement;
    return { namespace, name: workload };
  }

  private async preflight(takeOver: boolean): Promise<void> {
    const { target, placement } = this.active;
    const to = await this.objects('TO');
    if (!to || !target.state.to) throw new Error('there is nothing to look at before an undo or a removal');
    const objects = [openDeployment(to.deployment, target.state.to), ...to.others];
    const { client } = this.hands;
    const { namespace, workloadId } = placement;
    const flight = { client, cluster: target.state.cluster, namespace, workloadId, objects, precondition: this.observed, takeOver };
    this.memory.preflight = await preflight(flight, this.memory);
    failpoint('preflight-taken');
  }

  /** A container that has no log, or none any more, has none: that is an answer too. */
  private async readLog({ pod, container, previous }: Extract<TargetAction, { kind: 'READ_LOG' }>): Promise<void> {
    const reading = this.hands.client.log(
      { namespace: this.active.placement.namespace, pod, container },
      { tailLines: LOG_LINES, previous },
    );
    const lines = await reading.catch((error: unknown) => {
      if (error instanceof KubernetesError && NO_LOG.has(error.kind)) return '';
      throw error;
    });
    this.memory.logs.set(`${pod}/${container}`, lines);
  }

  private async apply(action: Extract<TargetAction, { kind: 'APPLY' }>): Promise<Written> {
    const side = this.side(action.side);
    const objects = await this.objects(action.side);
    if (!side || !objects) throw new Error(`the target has no side ${action.side}`);
    await this.createMissing(objects);
    failpoint('objects-created');
    const wanted = gatedDeployment(objects.deployment, side, action.gate, action.unpause);
    const { precondition } = action;
    // An apply that creates has no fence: what the watch does not show yet, or what is somebody else's, must not be met by it.
    if (!precondition && (await this.readOurs(wanted)))
      throw new KubernetesError({ kind: 'CONFLICT', message: 'The Deployment is there already.' });
    this.hands.assertOurs();
    const options = precondition ? { force: this.takesOver(action.side), precondition } : { force: false };
    const answer = await this.hands.client.apply(wanted, options);
    const { surge, unavailable } = action.gate;
    this.memory.applied = { surge, unavailable };
    failpoint('after-write');
    const before = precondition?.resourceVersion ?? null;
    return answer.metadata.resourceVersion === before ? NOTHING : { deployment: true, before };
  }

  /** Objects around the Deployment that do not exist yet. Names are known to be free or ours: the preflight or the read has shown it. */
  private async createMissing(objects: Objects): Promise<void> {
    const unknown = objects.others.filter((object) => !this.memory.present.has(keyOf(object)));
    await Promise.all(
      unknown.map(async (object) => {
        if ((await this.readOurs(object)) === null) {
          this.hands.assertOurs();
          await this.hands.client.apply(object, { force: false });
          this.memory.created.add(keyOf(object));
        }
        this.memory.present.add(keyOf(object));
      }),
    );
  }

  private async finish(name: 'TO' | 'FROM'): Promise<void> {
    const [side, other] = await Promise.all([this.objects(name), this.objects(name === 'TO' ? 'FROM' : 'TO')]);
    if (!side) throw new Error(`the target has no side ${name}`);
    for (const object of toRefresh(side, other, this.memory.created)) await this.refresh(object, this.takesOver(name));
    const candidates = toPrune(side, other, []);
    const kept = candidates.some((object) => object.kind === 'ConfigMap') ? await this.hands.keptObjects('GOOD') : [];
    await this.deleteAll(toPrune(side, other, kept));
    this.memory.finished = name;
    failpoint('target-finished');
  }

  private async refresh(object: KubernetesObject, force: boolean): Promise<void> {
    const live = await this.readOurs(object);
    this.hands.assertOurs();
    await this.hands.client.apply(object, live ? { force, precondition: preconditionOf(live) } : { force: false });
  }

  /** The Deployment first: what its pods use goes when nothing makes new ones any more. */
  private async delete(precondition: Precondition | null): Promise<void> {
    const { namespace, name } = this.deployment;
    if (precondition) {
      this.hands.assertOurs();
      await this.hands.client.delete({ apiVersion: 'apps/v1', kind: 'Deployment', namespace, name }, { uid: precondition.uid });
    }
    const sides = await Promise.all([this.objects('TO'), this.objects('FROM')]);
    const kept = this.active.target.state.to === null ? await this.hands.keptObjects('ALL') : [];
    await this.deleteAll(
      distinct([...kept, ...sides.flatMap((side) => side?.others ?? [])]).filter((object) => object.kind !== 'Deployment'),
    );
    this.memory.finished = 'DELETE';
    failpoint('target-finished');
  }

  private async deleteAll(objects: readonly KubernetesObject[]): Promise<void> {
    await Promise.all(
      objects.map(async (object) => {
        const live = await this.hands.client.read(refOf(object));
        this.memory.present.delete(keyOf(object));
        this.memory.created.delete(keyOf(object));
        if (!live || live.metadata.labels?.[LABELS.workloadId] !== this.active.placement.workloadId) return;
        this.hands.assertOurs();
        await this.hands.client.delete(refOf(object), { uid: preconditionOf(live).uid });
      }),
    );
  }

  /** The live object, null where there is none. */
  private async readOurs(object: KubernetesObject): Promise<Awaited<ReturnType<KubernetesClient['read']>>> {
    const live = await this.hands.client.read(refOf(object));
    if (live && live.metadata.labels?.[LABELS.workloadId] !== this.active.placement.workloadId) throw foreignObject(object);
    return live;
  }

  /** Going back is never refused, whoever else has laid hands on the object. */
  private takesOver(side: 'TO' | 'FROM'): boolean {
    return side === 'FROM' || this.active.rollout.kind === 'ROLLBACK';
  }

  private side(name: 'TO' | 'FROM'): Side | null {
    const { to, from } = this.active.target.state;
    return name === 'TO' ? to : from;
  }

  private async objects(name: 'TO' | 'FROM'): Promise<Objects | null> {
    const side = this.side(name);
    return side && sideObjects(await this.hands.rendering(side.digest), side);
  }
}

const refOf = (object: KubernetesObject): ObjectRef => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  namespace: object.metadata.namespace,
  name: object.metadata.name,
});

function preconditionOf(live: { metadata: { uid?: string; resourceVersion?: string } }): Precondition {
  const { uid, resourceVersion } = live.metadata;
  if (uid === undefined || resourceVersion === undefined)
    throw new KubernetesError({ kind: 'SERVER', message: 'The server sent an object without uid or resourceVersion.' });
  return { uid, resourceVersion };
}
