import { Injectable } from '@nestjs/common';
import { NO_TENANT } from '../common/context.ts';
import { invalid, notFound } from '../common/problem.ts';
import { ReleaseRepository } from './release.repository.ts';
import { ReleaseService } from './release.service.ts';
import type { Rendered, RenderInput } from './render.model.ts';
import { WorkloadRepository } from './workload.repository.ts';

/** Renderings for reading. */
@Injectable()
export class RenderService {
  constructor(
    private readonly workloads: WorkloadRepository,
    private readonly revisions: ReleaseRepository,
    private readonly releases: ReleaseService,
  ) {}

  async render(templateReference: string, number: number, input: RenderInput): Promise<Rendered> {
    const template = await this.workloads.template(templateReference);
    if (!template) throw notFound('Template', templateReference);
    const revision = await this.revisions.revision(template.id, number);
    if (!revision) throw notFound('Revision', String(number));
    const workload = input.workload === undefined ? null : await this.workloads.find(input.workload);
    if (input.workload !== undefined && !workload) throw invalid({ pointer: '/workload', detail: `there is no workload ${input.workload}` });
    const subject = workload ?? { id: NO_TENANT, name: template.name };
    const values = { ...(workload?.values as Record<string, unknown> | undefined), ...input.values };
    const { objects, digest, replicas } = this.releases.renderAt(subject, revision, values, { namespace: input.namespace ?? 'default', values: {} });
    return { objects: objects as unknown as Record<string, unknown>[], digest, replicas };
  }
}
