import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesClient, KubernetesObject as LiveObject, PatchOperation, Precondition } from '../../clusters/kubernetes/types.ts';
import { LABELS } from '../../workloads/core/objects.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { TargetAction, TemplateSource } from '../core/action.ts';
import { bringing, gating, mergingOwnership, templateOf } from './deployment-patch.ts';
import { fenceOf, refOf, templateIn } from './objects.ts';

type Apply = Pick<Extract<TargetAction, { kind: 'APPLY' }>, 'template' | 'precondition'>;

/** Writes Deployments: the first apply, and patches from then on. */
export class DeploymentWriter {
  constructor(
    private readonly access: { client: KubernetesClient; assertOurs(): void },
    private readonly workloadId: string,
  ) {}

  /**
   * @returns the cluster's answer
   * @throws KubernetesError CONFLICT if it is not as observed any more
   */
  async write(wanted: KubernetesObject, { template, precondition }: Apply): Promise<LiveObject> {
    const { client } = this.access;
    if (precondition === null) {
      this.access.assertOurs();
      return client.apply(wanted, { force: false });
    }
    const operations = template === 'GATE' ? gating(wanted) : await this.bringing(wanted, template, precondition);
    this.access.assertOurs();
    return client.patch(refOf(wanted), operations, precondition);
  }

  /** From then on the Deployment is as if it had been applied. False where it is already. */
  async mergeOwnership(wanted: KubernetesObject, live: LiveObject): Promise<boolean> {
    const operations = mergingOwnership(live);
    if (operations === null) return false;
    this.access.assertOurs();
    await this.access.client.patch(refOf(wanted), operations, fenceOf(live));
    return true;
  }

  /** The watch keeps neither what managers own nor long texts, so both are read by a write that needs them. */
  private async bringing(
    wanted: KubernetesObject,
    source: Exclude<TemplateSource, 'GATE'>,
    precondition: Precondition,
  ): Promise<PatchOperation[]> {
    const [live, template] = await Promise.all([
      this.access.client.read(refOf(wanted)),
      typeof source === 'object' ? this.templateOf(wanted, source) : source === 'KEPT' ? null : templateIn(wanted),
    ]);
    if (live?.metadata.resourceVersion !== precondition.resourceVersion)
      throw observedAnew('The Deployment has changed since it was observed.');
    return bringing(live, wanted, template);
  }

  private async templateOf(wanted: KubernetesObject, { replicaSet, uid }: Extract<TemplateSource, object>): Promise<unknown> {
    const { namespace } = wanted.metadata;
    const labelSelector = `${LABELS.workloadId}=${this.workloadId}`;
    const { items } = await this.access.client.list({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      namespace,
      labelSelector,
      fieldSelector: `metadata.name=${replicaSet}`,
    });
    const found = items.find(({ metadata }) => metadata.uid === uid);
    if (!found) throw observedAnew(`The ReplicaSet ${replicaSet} is gone.`);
    return templateOf(found);
  }
}

/** The cluster is not as it was decided on: the next observation is on its way. */
export const observedAnew = (message: string): KubernetesError => new KubernetesError({ kind: 'CONFLICT', message });
