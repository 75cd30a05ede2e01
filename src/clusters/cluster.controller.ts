import { Body, Controller, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Answered } from '../platform/api/answer.ts';
import { type ExpectedVersions, IfMatch } from '../platform/api/etag.ts';
import { type Page, PageOf, windowOf } from '../platform/api/page.ts';
import { Route } from '../platform/api/route.ts';
import { CheckWait } from './check-wait.ts';
import {
  AccessManifestQuery,
  Cluster,
  CreateCluster,
  DeleteClusterQuery,
  ListClusters,
  Removed,
  removedOf,
  ReplaceCredentials,
  UpdateCluster,
} from './cluster.model.ts';
import { ClusterService } from './cluster.service.ts';

@Controller()
export class ClusterController {
  constructor(
    private readonly clusters: ClusterService,
    private readonly checks: CheckWait,
  ) {}

  @Route('GET', '/clusters', { action: 'clusters.list', summary: 'Lists clusters, newest first.', answers: PageOf(Cluster) })
  list(@Query() query: ListClusters): Promise<Page<Cluster>> {
    return this.clusters.list(windowOf(query), query);
  }

  @Route('POST', '/clusters', {
    action: 'clusters.create',
    summary: 'Registers a cluster.',
    description: 'Does not wait for the cluster. Its status shows when it has been checked; a worker of its region does that at once.',
    status: 201,
    answers: Cluster,
    idempotent: 'cluster',
  })
  create(@Body() input: CreateCluster): Promise<Cluster> {
    return this.clusters.create(input);
  }

  @Route('GET', '/clusters/:cluster', { action: 'clusters.get', summary: 'Shows a cluster.', answers: Cluster })
  get(@Param('cluster') reference: string): Promise<Cluster> {
    return this.clusters.get(reference);
  }

  @Route('PATCH', '/clusters/:cluster', { action: 'clusters.update', summary: 'Renames or labels a cluster.', answers: Cluster })
  update(@Param('cluster') reference: string, @Body() input: UpdateCluster, @IfMatch() expected: ExpectedVersions): Promise<Cluster> {
    return this.clusters.update(reference, input, expected);
  }

  @Route('PUT', '/clusters/:cluster/credentials', {
    action: 'clusters.replaceCredentials',
    summary: 'Replaces the credentials of a cluster, and checks it with the new ones.',
    answers: Cluster,
  })
  replaceCredentials(
    @Param('cluster') reference: string,
    @Body() input: ReplaceCredentials,
    @IfMatch() expected: ExpectedVersions,
  ): Promise<Cluster> {
    return this.clusters.replaceCredentials(reference, input, expected);
  }

  @Route('POST', '/clusters/:cluster/check', {
    action: 'clusters.check',
    summary: 'Checks a cluster now and returns the result, within 10 seconds.',
    answers: Cluster,
    idempotent: false,
    cost: 5,
  })
  check(@Param('cluster') reference: string): Promise<Cluster> {
    return this.checks.check(reference);
  }

  @Route('DELETE', '/clusters/:cluster', {
    action: 'clusters.delete',
    summary: 'Removes a cluster without placements. With `force=true` also forgets its placements and lists them (200).',
    description: 'Deletes its credentials. Its rollouts and releases still show it, and its name can be used again.',
    status: 204,
    alsoAnswers: [200],
    answers: Removed,
  })
  async delete(
    @Param('cluster') reference: string,
    @Query() { force }: DeleteClusterQuery,
    @IfMatch() expected: ExpectedVersions,
  ): Promise<unknown> {
    const left = await this.clusters.delete(reference, force === 'true', expected);
    return force === 'true' ? new Answered(removedOf(left), 200) : undefined;
  }

  @Route('GET', '/clusters/:cluster/access-manifest', {
    action: 'clusters.accessManifest',
    summary: 'Shows the minimal ServiceAccount, Role and binding for workloads in a namespace, for kubectl.',
    answers: { media: { 'application/yaml': { type: 'string' } } },
  })
  async accessManifest(
    @Param('cluster') reference: string,
    @Query() { namespace }: AccessManifestQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const manifest = await this.clusters.accessManifest(reference, namespace);
    void reply.type('application/yaml; charset=utf-8');
    return manifest;
  }
}
