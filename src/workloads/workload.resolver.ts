import { Args, Context, Int, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import { ifVersion } from '../platform/api/etag.ts';
import { batched, type GraphqlContext } from '../platform/graphql/loaders.ts';
import { Mutation, Query } from '../platform/api/operation.ts';
import { type Connected, Connection, emptyPage, nestedWindowOf, NestedPageArguments, windowOf } from '../platform/api/page.ts';
import { Release, ReleaseObjects } from './release.model.ts';
import { ReleaseService } from './release.service.ts';
import { CreateWorkload, UpdateWorkload, Workload, WorkloadArguments } from './workload.model.ts';
import { WorkloadService } from './workload.service.ts';

export const WorkloadConnection = Connection(Workload);
export const ReleaseConnection = Connection(Release);

const REFERENCE = { description: 'Id or name.' };

@Resolver(() => Workload)
export class WorkloadResolver {
  constructor(
    private readonly workloadService: WorkloadService,
    private readonly releaseService: ReleaseService,
  ) {}

  @Query(() => WorkloadConnection, { action: 'workloads.list', description: 'Workloads, newest first.' })
  async workloads(@Args() page: WorkloadArguments): Promise<Connected<Workload>> {
    return WorkloadConnection.of(await this.workloadService.page(windowOf(page), page), page);
  }

  @Query(() => Workload, { action: 'workloads.get', description: 'A workload.' })
  workload(@Args('workload', REFERENCE) reference: string): Promise<Workload> {
    return this.workloadService.get(reference);
  }

  @Query(() => Release, { action: 'releases.get', description: 'A release of a workload.' })
  release(@Args('workload', REFERENCE) workload: string, @Args('number', { type: () => Int }) number: number): Promise<Release> {
    return this.releaseService.find(workload, String(number));
  }

  @Mutation(() => Workload, { action: 'workloads.create', description: 'Creates a workload.', idempotent: 'workload' })
  createWorkload(@Args('input') input: CreateWorkload): Promise<Workload> {
    return this.workloadService.create(input);
  }

  @Mutation(() => Workload, { action: 'workloads.update', description: 'Changes the template, values or placements for the next rollout.' })
  updateWorkload(
    @Args('workload', REFERENCE) reference: string,
    @Args('input') input: UpdateWorkload,
    @Args('ifVersion', {
      type: () => Int,
      nullable: true,
      description: 'The expected version; the request is refused (STALE) if the current one differs.',
    })
    version?: number,
  ): Promise<Workload> {
    return this.workloadService.update(reference, input, ifVersion(version));
  }

  @ResolveField(() => ReleaseConnection, { description: 'Releases, newest first.' })
  async releases(
    @Parent() workload: Workload,
    @Args() page: NestedPageArguments,
    @Context() context: GraphqlContext,
  ): Promise<Connected<Release>> {
    const window = nestedWindowOf(page);
    const found = await batched(
      context,
      `Workload.releases ${JSON.stringify(window)}`,
      workload.id,
      (ids) => this.releaseService.pages(ids, window),
      () => emptyPage<Release>(),
    );
    return ReleaseConnection.of(found, page);
  }
}

@Resolver(() => Release)
export class ReleaseResolver {
  constructor(private readonly releaseService: ReleaseService) {}

  @ResolveField(() => [ReleaseObjects], { description: 'Its rendered objects, per placement.' })
  objects(@Parent() release: Release, @Context() context: GraphqlContext): Promise<ReleaseObjects[]> {
    return batched(
      context,
      'Release.objects',
      release.id,
      (ids) => this.releaseService.objectsOf(ids),
      () => [],
    );
  }
}
