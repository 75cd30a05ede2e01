import { Body, Controller, Param } from '@nestjs/common';
import { Args, Int, Resolver } from '@nestjs/graphql';
import { Query } from '../platform/api/operation.ts';
import { Route } from '../platform/api/route.ts';
import { RenderInput, Rendered } from './render.model.ts';
import { RenderService } from './render.service.ts';

@Controller()
export class RenderController {
  constructor(private readonly renders: RenderService) {}

  @Route('POST', '/templates/:template/revisions/:number/render', {
    action: 'revisions.render',
    summary: 'Renders the Kubernetes objects of a revision with values.',
    description: 'Nothing is stored or written to a cluster. For review, or for `kubectl diff`.',
    answers: Rendered,
    idempotent: false,
  })
  render(@Param('template') template: string, @Param('number') number: string, @Body() input: RenderInput): Promise<Rendered> {
    return this.renders.render(template, number, input);
  }
}

@Resolver()
export class RenderResolver {
  constructor(private readonly renders: RenderService) {}

  @Query(() => Rendered, { action: 'revisions.render', description: 'The Kubernetes objects of a revision with values.' })
  renderRevision(
    @Args('template', { description: 'Id or name.' }) template: string,
    @Args('number', { type: () => Int }) number: number,
    @Args('input', { nullable: true }) input: RenderInput,
  ): Promise<Rendered> {
    return this.renders.render(template, String(number), input);
  }
}
