import { Args, Context, Int, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import { ifVersion } from '../platform/api/etag.ts';
import { batched, type GraphqlContext } from '../platform/graphql/loaders.ts';
import { Mutation, Query } from '../platform/api/operation.ts';
import {
  type Connected,
  Connection,
  emptyPage,
  NestedPageArguments,
  nestedWindowOf,
  PageArguments,
  windowOf,
} from '../platform/api/page.ts';
import { RevisionConnection } from './revision.resolver.ts';
import { isNumber, RevisionService } from './revision.service.ts';
import { CreateTemplate, type Revision, Template, UpdateTemplate } from './template.model.ts';
import { TemplateService } from './template.service.ts';

export const TemplateConnection = Connection(Template);

@Resolver(() => Template)
export class TemplateResolver {
  constructor(
    private readonly service: TemplateService,
    private readonly revisionService: RevisionService,
  ) {}

  @Query(() => TemplateConnection, { action: 'templates.list', description: 'Templates, newest first.' })
  async templates(@Args() page: PageArguments): Promise<Connected<Template>> {
    return TemplateConnection.of(await this.service.list(windowOf(page)), page);
  }

  @Query(() => Template, { action: 'templates.get', description: 'A template.' })
  template(@Args('template', { description: 'Id or name.' }) reference: string): Promise<Template> {
    return this.service.get(reference);
  }

  @Mutation(() => Template, { action: 'templates.create', description: 'Creates a template.', idempotent: 'template' })
  createTemplate(@Args('input') input: CreateTemplate): Promise<Template> {
    return this.service.create(input);
  }

  @Mutation(() => Template, { action: 'templates.update', description: 'Renames or describes a template.' })
  updateTemplate(
    @Args('template', { description: 'Id or name.' }) reference: string,
    @Args('input') input: UpdateTemplate,
    @Args('ifVersion', {
      type: () => Int,
      nullable: true,
      description: 'The expected version; the request is refused (STALE) if the current one differs.',
    })
    version?: number,
  ): Promise<Template> {
    return this.service.update(reference, input, ifVersion(version));
  }

  @Mutation(() => Boolean, { action: 'templates.delete', description: 'Deletes a template that no workload uses.' })
  async deleteTemplate(
    @Args('template', { description: 'Id or name.' }) reference: string,
    @Args('ifVersion', {
      type: () => Int,
      nullable: true,
      description: 'The expected version; the request is refused (STALE) if the current one differs.',
    })
    version?: number,
  ): Promise<boolean> {
    await this.service.delete(reference, ifVersion(version));
    return true;
  }

  @ResolveField(() => RevisionConnection, { description: 'Its revisions, newest first.' })
  async revisions(
    @Parent() template: Template,
    @Args() page: NestedPageArguments,
    @Context() context: GraphqlContext,
  ): Promise<Connected<Revision>> {
    const window = nestedWindowOf(page, isNumber);
    const name = `Template.revisions ${window.limit} ${window.after}`;
    return RevisionConnection.of(
      await batched(context, name, template.id, (ids) => this.revisionService.pages(ids, window), emptyPage<Revision>),
      page,
    );
  }
}
