import { Body, Controller, Param, Query } from '@nestjs/common';
import { YamlText } from '../platform/model/text.ts';
import { type Page, PageOf, PageQuery, windowOf } from '../platform/api/page.ts';
import { Route } from '../platform/api/route.ts';
import { type CheckPlace, CreateRevisionQuery, placeIn } from './revision-check.model.ts';
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
      'The body is the document itself: the pod, its parameters, sidecars, configuration, service and strategy, as JSON or YAML. ' +
      'Clusters are then asked what they think of it (`checks`); `Prefer: wait` waits for their answers. Posting the same content again checks it again.',
    status: 201,
    alsoAnswers: [200],
    answers: Revision,
    idempotent: 'revision',
    waits: 'revision',
    consumes: ['application/yaml'],
    body: { type: 'object', additionalProperties: true },
    location: (revision: Revision) => `/v1/templates/${revision.template.id}/revisions/${revision.number}`,
  })
  create(@Param('template') reference: string, @Query() { check }: CreateRevisionQuery, @Body() document: unknown): Promise<Revision> {
    const posted = document instanceof YamlText ? { yaml: document.text } : { json: document };
    const named = check === undefined ? null : { ...(placeIn(check) as CheckPlace), place: { parameter: 'check' } };
    return this.revisions.create(reference, posted, named);
  }

  @Route('GET', '/templates/:template/revisions/:number', { action: 'revisions.get', summary: 'Shows a revision.', answers: Revision })
  get(@Param('template') reference: string, @Param('number') number: string): Promise<Revision> {
    return this.revisions.get(reference, number);
  }
}
