import { Args, Int, Resolver } from '@nestjs/graphql';
import { Json } from '../platform/model/scalars.ts';
import { Mutation, Query } from '../platform/api/operation.ts';
import { type Connected, Connection, PageArguments, windowOf } from '../platform/api/page.ts';
import { CheckPlace } from './revision-check.model.ts';
import { isNumber, RevisionService } from './revision.service.ts';
import { Revision } from './template.model.ts';

export const RevisionConnection = Connection(Revision, (revision) => String(revision.number));

@Resolver(() => Revision)
export class RevisionResolver {
  constructor(private readonly service: RevisionService) {}

  @Query(() => RevisionConnection, { action: 'revisions.list', description: 'Revisions of a template, newest first.' })
  async revisions(
    @Args('template', { description: 'Id or name.' }) reference: string,
    @Args() page: PageArguments,
  ): Promise<Connected<Revision>> {
    return RevisionConnection.of(await this.service.list(reference, windowOf(page, isNumber)), page);
  }

  @Query(() => Revision, { action: 'revisions.get', description: 'A revision of a template.' })
  revision(
    @Args('template', { description: 'Id or name.' }) reference: string,
    @Args('number', { type: () => Int }) number: number,
  ): Promise<Revision> {
    return this.service.get(reference, String(number));
  }

  @Mutation(() => Revision, {
    action: 'revisions.create',
    description: 'Adds a revision. If the content equals that of the newest revision, returns that one.',
    idempotent: 'revision',
    waits: 'revision',
  })
  createRevision(
    @Args('template', { description: 'Id or name of the template.' }) reference: string,
    @Args('document', { type: () => Json, description: 'The document.' }) document: unknown,
    @Args('check', { nullable: true, description: 'Where it is checked, instead of where its workloads are placed.' }) check?: CheckPlace,
  ): Promise<Revision> {
    return this.service.create(reference, { json: document }, check ? { ...check, place: { pointer: '/check/cluster' } } : null);
  }
}
