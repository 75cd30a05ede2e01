import { Body, Controller, Param, Query } from '@nestjs/common';
import { YamlText } from '../platform/model/text.ts';
import { type Page, PageOf, PageQuery, windowOf } from '../platform/api/page.ts';
import { Route } from '../platform/api/route.ts';
import { isNumber, RevisionService } from './revision.service.ts';
import { Revision } from './template.model.ts';

@Controller()
export class RevisionController {
  constructor(private readonly revisions: RevisionService) {}

  @Route('GET', '/templates/:template/revisions', {
    action: 'revisions.list',
    summary: 'Lists revisions, newest first.',
    answers: PageOf(Revision),
  })
  list(@Param('template') reference: string, @Query() query: PageQuery): Promise<Page<Revision>> {
    return this.revisions.list(reference, windowOf(query, isNumber));
  }

  @Route('POST', '/templates/:template/revisions', {
    action: 'revisions.create',
    summary: 'Adds a revision. If the content equals that of the newest revision, returns that one (200).',
    description:
      'The body is the document itself: the pod, its parameters, sidecars, configuration, service and strategy, as JSON or YAML.',
    status: 201,
    alsoAnswers: [200],
    answers: Revision,
    idempotent: 'revision',
    consumes: ['application/yaml'],
    body: { type: 'object', additionalProperties: true },
    location: (revision: Revision) => `/v1/templates/${revision.template.id}/revisions/${revision.number}`,
  })
  create(@Param('template') reference: string, @Body() document: unknown): Promise<Revision> {
    return this.revisions.create(reference, document instanceof YamlText ? { yaml: document.text } : { json: document });
  }

  @Route('GET', '/templates/:template/revisions/:number', { action: 'revisions.get', summary: 'Shows a revision.', answers: Revision })
  get(@Param('template') reference: string, @Param('number') number: string): Promise<Revision> {
    return this.revisions.get(reference, number);
  }
}
