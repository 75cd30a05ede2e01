import { Body, Controller, Param, Query } from '@nestjs/common';
import { IfMatch } from '../platform/api/etag.ts';
import type { ExpectedVersions } from '../platform/api/etag.ts';
import { PageOf, PageQuery, windowOf } from '../platform/api/page.ts';
import { Route } from '../platform/api/route.ts';
import { Release, ReleaseDetail } from './release.model.ts';
import { ReleaseService } from './release.service.ts';
import { CreateWorkload, UpdateWorkload, Workload, WorkloadQuery } from './workload.model.ts';
import { WorkloadService } from './workload.service.ts';

@Controller()
export class WorkloadController {
  constructor(
    private readonly workloads: WorkloadService,
    private readonly releases: ReleaseService,
  ) {}

  @Route('GET', '/workloads', { action: 'workloads.list', summary: 'Lists workloads, newest first.', answers: PageOf(Workload) })
  list(@Query() query: WorkloadQuery) {
    return this.workloads.page(windowOf(query), query);
  }

  @Route('POST', '/workloads', {
    action: 'workloads.create',
    summary: 'Creates a workload.',
    description: 'Nothing is written to a cluster before its first rollout.',
    status: 201,
    answers: Workload,
    idempotent: 'workload',
  })
  create(@Body() input: CreateWorkload) {
    return this.workloads.create(input);
  }

  @Route('GET', '/workloads/:workload', { action: 'workloads.get', summary: 'Shows a workload.', answers: Workload })
  get(@Param('workload') workload: string) {
    return this.workloads.get(workload);
  }

  @Route('PATCH', '/workloads/:workload', {
    action: 'workloads.update',
    summary: 'Changes the template, values or placements for the next rollout.',
    answers: Workload,
  })
  update(@Param('workload') workload: string, @Body() input: UpdateWorkload, @IfMatch() expected: ExpectedVersions) {
    return this.workloads.update(workload, input, expected);
  }

  @Route('GET', '/workloads/:workload/releases', {
    action: 'releases.list',
    summary: 'Lists releases, newest first.',
    answers: PageOf(Release),
  })
  listReleases(@Param('workload') workload: string, @Query() query: PageQuery) {
    return this.releases.page(workload, windowOf(query));
  }

  @Route('GET', '/workloads/:workload/releases/:number', {
    action: 'releases.get',
    summary: 'Shows a release with its rendered objects.',
    answers: ReleaseDetail,
  })
  getRelease(@Param('workload') workload: string, @Param('number') number: string) {
    return this.releases.get(workload, number);
  }
}
