import { Injectable } from '@nestjs/common';
import { NO_TENANT } from '../platform/db/context.ts';
import { invalid } from '../platform/problem.ts';
import { RevisionService } from '../templates/revision.service.ts';
import { ofRequest, ofWorkload } from './core/layers.ts';
import type { Values } from './core/layers.ts';
import { ReleaseService } from './release.service.ts';
import type { Rendered, RenderInput } from './render.model.ts';
import { WorkloadRepository } from './workload.repository.ts';

/** Renders for review, without storing. */
@Injectable()
export class RenderService {
  constructor(
    private readonly revisions: RevisionService,
    private readonly workloads: WorkloadRepository,
    private readonly releases: ReleaseService,
  ) {}

  async render(reference: string, number: string, input: RenderInput): Promise<Rendered> {
    const revision = await this.revisions.row(reference, number);
    const workload = input.workload === undefined ? null : await this.workloads.find(input.workload);
    if (input.workload !== undefined && !workload)
      throw invalid({ pointer: '/workload', detail: `there is no workload ${input.workload}` });
    const subject = workload ?? { id: NO_TENANT, name: workloadNameOf(revision.template.name) };
    const layers = [ofWorkload((workload?.values ?? {}) as Values), ofRequest(input.values ?? {})];
    const { objects, digest, replicas } = await this.releases.renderAt(subject, revision, input.namespace ?? 'default', layers);
    return { objects: objects, digest, replicas };
  }
}

/** A valid workload name derived from a template's, which may be longer and begin with a digit. */
const workloadNameOf = (template: string): string =>
  template
    .replace(/^[0-9-]+/, '')
    .slice(0, 47)
    .replace(/(?<!-)-+$/, '') || 'workload';
