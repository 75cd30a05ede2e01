import type { KubernetesClient, Precondition } from '../../clusters/kubernetes/types.ts';
import { failpoint } from '../../platform/failpoint.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { SideName, TargetAction, TemplateSource } from '../core/action.ts';
import { openGateOf } from '../core/draft.ts';
import { sameJson } from '../core/raw.ts';
import { gateOverridden } from '../core/failure.ts';
import type { Failure } from '../core/failure.ts';
import { takesOver } from '../core/kinds.ts';
import type { Side } from '../core/observation.ts';
import { isOurs, lookAround, readOurs } from './around.ts';
import type { Owner, Wanted } from './around.ts';
import type { Memory } from './memory.ts';
import { DeploymentWriter, observedAnew } from './deployment-writer.ts';
import { bringingObject } from './object-patch.ts';
import {
  changedByAdmission,
  distinct,
  fenceOf,
  gatedDeployment,
  refOf,
  sameIn,
  sideObjects,
  templateDigestIn,
  toPrune,
} from './objects.ts';
import type { Objects } from './objects.ts';
import type { ActiveTarget } from '../store/placement.repository.ts';
import { listEdits, readLog, readWarnings } from './looks.ts';
import { preflight } from './preflight.ts';
import type { Standing } from './preflight.ts';

/** What `Act` needs from the holder of the placement: its client, its lease and its rows. */
export interface PlacementAccess {
  client: KubernetesClient;
  /** By the database's clock. */
  now(): Date;
  /** Throws if the lease may be lost. Called before every write. */
  assertOurs(): void;
  /** Rendered objects by digest. */
  rendering(digest: string): Promise<KubernetesObject[]>;
  /** Objects of the placement's releases, by kind and name only. */
  keptObjects(releases: 'ALL' | 'GOOD'): Promise<KubernetesObject[]>;
  /** What the last rollouts have written here, newest first. */
  writtenSides(): Promise<Side[]>;
}

/**
 * Whether the Deployment was written. If so, the watch must show it before the next decision. `refusal`: the cluster took the write and made something else of it.
 */
export type WriteResult = { deployment: true; before: string | null; refusal?: Failure } | { deployment: false };

const NOTHING: WriteResult = { deployment: false };

/** Performs actions without deciding anything. Every write to an existing object is fenced by the uid and resourceVersion of its observation. */
export class Act {
  private readonly deployments: DeploymentWriter;

  constructor(
    private readonly active: ActiveTarget,
    private readonly memory: Memory,
    private readonly access: PlacementAccess,
    /** UID and resourceVersion of the observed Deployment. */
    private readonly observed: Precondition | null,
  ) {
    this.deployments = new DeploymentWriter(access, active.placement.workloadId);
  }

  /** @throws KubernetesError if the cluster refused or failed, LeaseLost if the lease is lost */
  async perform(action: TargetAction): Promise<WriteResult> {
    switch (action.kind) {
      case 'PREFLIGHT':
        await this.preflight(action);
        return NOTHING;
      case 'READ_LOG':
        await readLog(this.access.client, this.memory, this.active.placement.namespace, action);
        return NOTHING;
      case 'LIST_EDITS':
        await this.listEdits(action);
        return NOTHING;
      case 'READ_EVENTS':
        await readWarnings(this.access.client, this.memory, this.active.placement.namespace, action, () => this.access.now());
        return NOTHING;
      case 'APPLY':
        return this.apply(action);
      case 'FINISH':
        return this.finish(action);
      case 'SCALE':
        this.access.assertOurs();
        await this.access.client.scale(this.deployment, action.replicas, action.precondition);
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

  private async preflight({ takeOver, gate }: Extract<TargetAction, { kind: 'PREFLIGHT' }>): Promise<void> {
    const { target, placement } = this.active;
    const to = await this.objects('TO');
    if (!to || !target.state.to) throw new Error('a preflight needs a release to apply; an undo or a removal has none');
    const { client } = this.access;
    const { namespace, workloadId } = placement;
    const deployment = gatedDeployment(to.deployment, target.state.to, gate, false);
    const standing = this.observed && this.standing(this.observed);
    const others = to.others.map((object) => this.wanted(object, { takeOver, compared: true }));
    const flight = { client, cluster: target.state.cluster, namespace, workloadId, deployment, others, standing, takeOver };
    this.memory.checked = await preflight(flight, this.memory);
    failpoint('preflight-taken');
  }

  /** A dry run tells what ours would be there. */
  private async listEdits({ template }: Extract<TargetAction, { kind: 'LIST_EDITS' }>): Promise<void> {
    const [to, side] = [await this.objects('TO'), this.active.target.state.to];
    if (!to || !side) throw new Error('edits are listed of a release that is applied');
    const wanted = gatedDeployment(to.deployment, side, openGateOf(side.strategy), false);
    await listEdits(this.access.client, this.memory, wanted, template);
  }

  /** What stands before the first write, and what it may have come from. */
  private standing(precondition: Precondition): Standing {
    const { from, to, superseded } = this.active.target.state;
    return {
      precondition,
      from,
      sides: [superseded, from, to].filter((side) => side !== null),
      earlierSides: () => this.access.writtenSides(),
      rendered: async (side) => {
        const { deployment } = sideObjects(await this.access.rendering(side.digest), side);
        return gatedDeployment(deployment, side, openGateOf(side.strategy), false);
      },
    };
  }

  private async apply(action: Extract<TargetAction, { kind: 'APPLY' }>): Promise<WriteResult> {
    const side = this.side(action.side);
    const objects = await this.objects(action.side);
    if (!side || !objects) throw new Error(`the target has no side ${action.side}`);
    await this.createMissing(objects);
    failpoint('objects-created');
    const wanted = gatedDeployment(objects.deployment, side, action.gate, action.unpause);
    const { precondition } = action;
    if (!precondition && (await readOurs(this.owner, wanted))) throw observedAnew('The Deployment exists already.');
    const answer = await this.deployments.write(wanted, action);
    failpoint('after-write');
    if (isOfSide(action.template, side)) this.memory.answers.set(action.side, templateDigestIn(answer));
    const before = precondition?.resourceVersion ?? null;
    if (answer.metadata.resourceVersion === before) return NOTHING;
    const fields = action.gate.closed ? changedByAdmission(wanted, answer, (text) => this.access.client.publicText(text)) : [];
    if (fields.length === 0) return { deployment: true, before };
    const { target, placement } = this.active;
    const refusal = gateOverridden(target.state, { name: placement.workload, manager: null, times: 1, fields });
    return { deployment: true, before, refusal };
  }

  /**
   * Creates missing objects around the Deployment, before each write: without them no pods can be created, and somebody may have deleted them since. Whose they
   * are is no matter here, since that must not keep anything from going back; the preflight has asked.
   */
  private async createMissing(objects: Objects): Promise<void> {
    await Promise.all(objects.others.map((object) => this.createIfMissing(object)));
  }

  private async finish({ side: name, untouched }: Extract<TargetAction, { kind: 'FINISH' }>): Promise<WriteResult> {
    const [side, other] = await Promise.all([this.objects(name), this.objects(name === 'TO' ? 'FROM' : 'TO')]);
    if (!side) throw new Error(`the target has no side ${name}`);
    if (name === 'TO') await Promise.all(side.others.map((object) => this.bring(object)));
    else if (untouched) await this.createMissing(side);
    else await this.restore(side, [other, await this.objects('SUPERSEDED')]);
    const candidates = toPrune(side, other, []);
    const kept = candidates.some((object) => object.kind === 'ConfigMap') ? await this.access.keptObjects('GOOD') : [];
    await this.deleteAll(toPrune(side, other, kept));
    const live = await readOurs(this.owner, side.deployment);
    const merged = live !== null && (await this.deployments.mergeOwnership(side.deployment, live));
    failpoint('target-finished');
    return merged ? { deployment: true, before: fenceOf(live).resourceVersion } : NOTHING;
  }

  /** Makes the object what `to` has. What others have changed since the preflight fails the target, or is taken over. */
  private bring(object: KubernetesObject): Promise<void> {
    return this.write(this.wanted(object, { takeOver: takesOver(this.active.rollout), compared: false }));
  }

  /** On the way back only what other sides have otherwise may have been changed by us. Nothing keeps that from being restored. */
  private async restore(side: Objects, others: readonly (Objects | null)[]): Promise<void> {
    const isChanged = (object: KubernetesObject): boolean =>
      others.map((other) => sameIn(object, other)).some((found) => found !== null && !sameJson(found, object));
    await Promise.all(
      side.others.map((object) =>
        isChanged(object) ? this.write(this.wanted(object, { takeOver: true, compared: true })) : this.createIfMissing(object),
      ),
    );
  }

  private async write(wanted: Wanted): Promise<void> {
    const { object } = wanted;
    const found = await lookAround(this.owner, wanted);
    if (found === null) return this.create(object);
    if (found.isAsWanted) return;
    this.access.assertOurs();
    await this.access.client.patch(refOf(object), bringingObject(found.live, object), fenceOf(found.live));
  }

  private async createIfMissing(object: KubernetesObject): Promise<void> {
    if ((await this.access.client.read(refOf(object))) === null) await this.create(object);
  }

  private async create(object: KubernetesObject): Promise<void> {
    this.access.assertOurs();
    await this.access.client.apply(object, { force: false });
  }

  private wanted(object: KubernetesObject, how: Pick<Wanted, 'takeOver' | 'compared'>): Wanted {
    return { object, before: () => this.earlier(object), ...how };
  }

  /** The object as other sides have it: what ran before, what was superseded, and what the last rollouts have written here. */
  private async *earlier(object: KubernetesObject): AsyncGenerator<KubernetesObject> {
    const { from, superseded } = this.active.target.state;
    const known = new Set<string>();
    const sides = async function* (written: () => Promise<Side[]>): AsyncGenerator<Side> {
      for (const side of [from, superseded]) if (side !== null) yield side;
      yield* await written();
    };
    for await (const side of sides(() => this.access.writtenSides())) {
      const found = sameIn(object, sideObjects(await this.access.rendering(side.digest), side));
      const text = JSON.stringify(found);
      if (found === null || known.has(text)) continue;
      known.add(text);
      yield found;
    }
  }

  /** Deletes the Deployment first, so that no new pods are created while the objects that they use are deleted. */
  private async delete(precondition: Precondition | null): Promise<void> {
    const { namespace, name } = this.deployment;
    if (precondition) {
      this.access.assertOurs();
      await this.access.client.delete({ apiVersion: 'apps/v1', kind: 'Deployment', namespace, name }, { uid: precondition.uid });
    }
    const sides = await Promise.all([this.objects('TO'), this.objects('FROM')]);
    const kept = this.active.target.state.to === null ? await this.access.keptObjects('ALL') : [];
    await this.deleteAll(
      distinct([...kept, ...sides.flatMap((side) => side?.others ?? [])]).filter((object) => object.kind !== 'Deployment'),
    );
    failpoint('target-finished');
  }

  private async deleteAll(objects: readonly KubernetesObject[]): Promise<void> {
    await Promise.all(
      objects.map(async (object) => {
        const live = await this.access.client.read(refOf(object));
        if (live === null || !isOurs(this.owner, object, live)) return;
        this.access.assertOurs();
        await this.access.client.delete(refOf(object), { uid: fenceOf(live).uid });
      }),
    );
  }

  private get owner(): Owner {
    return { client: this.access.client, workloadId: this.active.placement.workloadId };
  }

  private side(name: SideName): Side | null {
    const { to, from, superseded } = this.active.target.state;
    return { TO: to, FROM: from, SUPERSEDED: superseded }[name];
  }

  private async objects(name: SideName): Promise<Objects | null> {
    const side = this.side(name);
    return side && sideObjects(await this.access.rendering(side.digest), side);
  }
}

/** Whether the template that was written is the side's, and not that of a ReplicaSet beside. */
function isOfSide(template: TemplateSource, { replicaSet }: Side): boolean {
  return template !== 'GATE' && (typeof template !== 'object' || template.uid === replicaSet);
}
