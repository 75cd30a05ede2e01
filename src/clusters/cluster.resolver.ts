import { Args, Int, Resolver } from '@nestjs/graphql';
import { ifVersion } from '../platform/api/etag.ts';
import { Mutation, Query } from '../platform/api/operation.ts';
import { type Connected, Connection, windowOf } from '../platform/api/page.ts';
import { CheckWait } from './check-wait.ts';
import {
  AccessManifestQuery,
  Cluster,
  ClustersArguments,
  CreateCluster,
  Removed,
  removedOf,
  ReplaceCredentials,
  UpdateCluster,
} from './cluster.model.ts';
import { ClusterService } from './cluster.service.ts';

export const ClusterConnection = Connection(Cluster);

const version = {
  type: () => Int,
  nullable: true,
  description: 'The expected version; the request is refused (STALE) if the current one differs.',
};
const named = { description: 'Id or name.' };

@Resolver(() => Cluster)
export class ClusterResolver {
  constructor(
    private readonly service: ClusterService,
    private readonly checks: CheckWait,
  ) {}

  @Query(() => ClusterConnection, { action: 'clusters.list', description: 'Clusters, newest first.' })
  async clusters(@Args() page: ClustersArguments): Promise<Connected<Cluster>> {
    return ClusterConnection.of(await this.service.list(windowOf(page), page), page);
  }

  @Query(() => Cluster, { action: 'clusters.get', description: 'A cluster.' })
  cluster(@Args('cluster', named) reference: string): Promise<Cluster> {
    return this.service.get(reference);
  }

  @Query(() => String, {
    action: 'clusters.accessManifest',
    description: 'The minimal ServiceAccount, Role and binding for workloads in a namespace, as YAML.',
  })
  accessManifest(@Args('cluster', named) reference: string, @Args() { namespace }: AccessManifestQuery): Promise<string> {
    return this.service.accessManifest(reference, namespace);
  }

  @Mutation(() => Cluster, { action: 'clusters.create', description: 'Registers a cluster; does not wait for it.', idempotent: 'cluster' })
  createCluster(@Args('input') input: CreateCluster): Promise<Cluster> {
    return this.service.create(input);
  }

  @Mutation(() => Cluster, { action: 'clusters.update', description: 'Renames or labels a cluster.' })
  updateCluster(
    @Args('cluster', named) reference: string,
    @Args('input') input: UpdateCluster,
    @Args('ifVersion', version) expected?: number,
  ): Promise<Cluster> {
    return this.service.update(reference, input, ifVersion(expected));
  }

  @Mutation(() => Cluster, {
    action: 'clusters.replaceCredentials',
    description: 'Replaces the credentials, and checks the cluster with the new ones.',
  })
  replaceCredentials(
    @Args('cluster', named) reference: string,
    @Args('input') input: ReplaceCredentials,
    @Args('ifVersion', version) expected?: number,
  ): Promise<Cluster> {
    return this.service.replaceCredentials(reference, input, ifVersion(expected));
  }

  @Mutation(() => Cluster, {
    action: 'clusters.check',
    description: 'Checks a cluster now and returns the result, within 10 seconds.',
  })
  checkCluster(@Args('cluster', named) reference: string): Promise<Cluster> {
    return this.checks.check(reference);
  }

  @Mutation(() => Removed, {
    action: 'clusters.delete',
    description: 'Removes a cluster without placements. With `force` also forgets its placements and lists them.',
  })
  async deleteCluster(
    @Args('cluster', named) reference: string,
    @Args('force', { type: () => Boolean, nullable: true }) force?: boolean,
    @Args('ifVersion', version) expected?: number,
  ): Promise<Removed> {
    return removedOf(await this.service.delete(reference, force ?? false, ifVersion(expected)));
  }
}
