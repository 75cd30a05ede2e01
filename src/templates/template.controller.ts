import { Body, Controller, Param, Query } from '@nestjs/common';
import { type ExpectedVersions, IfMatch } from '../platform/api/etag.ts';
import { type Page, PageOf, PageQuery, windowOf } from '../platform/api/page.ts';
import { Route } from '../platform/api/route.ts';
import { CreateTemplate, Template, UpdateTemplate } from './template.model.ts';
import { TemplateService } from './template.service.ts';

@Controller()
export class TemplateController {
  constructor(private readonly templates: TemplateService) {}

  @Route('GET', '/templates', { action: 'templates.list', summary: 'Lists templates, newest first.', answers: PageOf(Template) })
  list(@Query() query: PageQuery): Promise<Page<Template>> {
    return this.templates.list(windowOf(query));
  }

  @Route('POST', '/templates', {
    action: 'templates.create',
    summary: 'Creates a template.',
    status: 201,
    answers: Template,
    idempotent: 'template',
  })
  create(@Body() input: CreateTemplate): Promise<Template> {
    return this.templates.create(input);
  }

  @Route('GET', '/templates/:template', { action: 'templates.get', summary: 'Shows a template.', answers: Template })
  get(@Param('template') reference: string): Promise<Template> {
    return this.templates.get(reference);
  }

  @Route('PATCH', '/templates/:template', { action: 'templates.update', summary: 'Renames or describes a template.', answers: Template })
  update(@Param('template') reference: string, @Body() input: UpdateTemplate, @IfMatch() expected: ExpectedVersions): Promise<Template> {
    return this.templates.update(reference, input, expected);
  }

  @Route('DELETE', '/templates/:template', {
    action: 'templates.delete',
    summary: 'Deletes a template that no workload uses.',
    description: 'Releases still show it and can be gone back to. Its name can be used again.',
    status: 204,
  })
  async delete(@Param('template') reference: string, @IfMatch() expected: ExpectedVersions): Promise<void> {
    await this.templates.delete(reference, expected);
  }
}
