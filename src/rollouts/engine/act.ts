import type { KubernetesClient, Precondition } from '../../clusters/kubernetes/types.ts';
import { failpoint } from '../../platform/failpoint.ts';
import { LABELS } from '../../workloads/core/objects.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { SideName, TargetAction, TemplateSource } from '../core/action.ts';
import { openGateOf } from '../core/draft.ts';
import { gateOverridden } from '../core/failure.ts';
import type { Failure } from '../core/failure.ts';
import { takesOver } from '../core/kinds.ts';
import type { Side } from '../core/observation.ts';
import { foreignObject, withDifferences } from './cluster-errors.ts';
import type { Memory } from './memory.ts';
import { DeploymentWriter, observedAnew } from './deployment-writer.ts';
import {
  changedByAdmission,
  distinct,
  fenceOf,
  gatedDeployment,
  objectKey,
  refOf,
  sideObjects,
  templateDigestIn,
  toPrune,
  toRefresh,
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
        return this.finish(action.side);
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
    const flight = { client, cluster: target.state.cluster, namespace, workloadId, deployment, others: to.others, standing, takeOver };
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
    if (!precondition && (await this.readOurs(wanted))) throw observedAnew('The Deployment exists already.');
    const answer = await this.deployments.write(wanted, action);
    failpoint('after-write');
    if (isOfSide(action.template, side)) this.memory.answers.set(action.side, templateDigestIn(answer));
    const before = precondition?.resourceVersion ?? null;
    if (answer.metadata.resourceVersion === before) return NOTHING;
    const fields = action.gate.closed ? changedByAdmission(wanted, answer) : [];
    if (fields.length === 0) return { deployment: true, before };
    const { target, placement } = this.active;
    const refusal = gateOverridden(target.state, { name: placement.workload, manager: null, times: 1, fields });
    return { deployment: true, before, refusal };
  }

  /** Creates missing objects around the Deployment. The preflight or the read has shown that their names are free or ours. */
  private async createMissing(objects: Objects): Promise<void> {
    const unknown = objects.others.filter((object) => !this.memory.present.has(objectKey(object)));
    await Promise.all(
      unknown.map(async (object) => {
        if ((await this.readOurs(object)) === null) {
          this.access.assertOurs();
          await this.access.client.apply(object, { force: false });
          this.memory.created.add(objectKey(object));
        }
        this.memory.present.add(objectKey(object));
      }),
    );
  }

  private async finish(name: 'TO' | 'FROM'): Promise<WriteResult> {
    const [side, other] = await Promise.all([this.objects(name), this.objects(name === 'TO' ? 'FROM' : 'TO')]);
    if (!side) throw new Error(`the target has no side ${name}`);
    const force = this.takesOver(name);
    // What is the same on both sides may not be what stands there.
    const before = name === 'TO' && force ? null : other;
    for (const object of toRefresh(side, before, this.memory.created)) await this.refresh(object, force);
    const candidates = toPrune(side, other, []);
    const kept = candidates.some((object) => object.kind === 'ConfigMap') ? await this.access.keptObjects('GOOD') : [];
    await this.deleteAll(toPrune(side, other, kept));
    const live = await this.readOurs(side.deployment);
    const merged = live !== null && (await this.deployments.mergeOwnership(side.deployment, live));
    failpoint('target-finished');
    return merged ? { deployment: true, before: fenceOf(live).resourceVersion } : NOTHING;
  }

  private async refresh(object: KubernetesObject, force: boolean): Promise<void> {
    const live = await this.readOurs(object);
    this.access.assertOurs();
    const { client } = this.access;
    await client.apply(object, live ? { force, precondition: fenceOf(live) } : { force: false }).catch((error: unknown) => {
      throw withDifferences(error, live, object, (text) => client.publicText(text));
    });
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
        this.memory.present.delete(objectKey(object));
        this.memory.created.delete(objectKey(object));
        if (!live || live.metadata.labels?.[LABELS.workloadId] !== this.active.placement.workloadId) return;
        this.access.assertOurs();
        await this.access.client.delete(refOf(object), { uid: fenceOf(live).uid });
      }),
    );
  }

  /** The live object; null if it does not exist. */
  private async readOurs(object: KubernetesObject): Promise<Awaited<ReturnType<KubernetesClient['read']>>> {
    const live = await this.access.client.read(refOf(object));
    if (live && live.metadata.labels?.[LABELS.workloadId] !== this.active.placement.workloadId) throw foreignObject(object);
    return live;
  }

  /** Going back is never refused because of other managers. */
  private takesOver(side: 'TO' | 'FROM'): boolean {
    return side !== 'TO' || takesOver(this.active.rollout);
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
