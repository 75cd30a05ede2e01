import { Injectable } from '@nestjs/common';
import { Database } from '../platform/db/database.ts';
import { checkVersion, type ExpectedVersions } from '../platform/api/etag.ts';
import { newId } from '../platform/id.ts';
import { differing } from '../platform/api/merge-patch.ts';
import { type Page, pageOf, type Window } from '../platform/api/page.ts';
import { listed, notFound, Problem } from '../platform/problem.ts';
import { Resources } from '../platform/api/resources.ts';
import { type CreateTemplate, type Template, templateOf, type UpdateTemplate } from './template.model.ts';
import { TemplateRepository, type TemplateRow } from './template.repository.ts';

@Injectable()
export class TemplateService {
  constructor(
    private readonly database: Database,
    private readonly templates: TemplateRepository,
    resources: Resources,
  ) {
    resources.add('template', (id) => this.get(id));
  }

  create({ name, description }: CreateTemplate): Promise<Template> {
    return this.database.transaction(async () =>
      templateOf(await this.templates.create({ id: newId(), name, description: description ?? null })),
    );
  }

  async get(reference: string): Promise<Template> {
    return templateOf(await this.row(reference));
  }

  /** The row for a reference. Throws NOT_FOUND. */
  async row(reference: string): Promise<TemplateRow> {
    const row = await this.templates.find(reference);
    if (!row) throw notFound('Template', reference);
    return row;
  }

  /** Several templates by id, in one statement. */
  async many(ids: string[]): Promise<Map<string, Template>> {
    const rows = await this.templates.findMany(ids);
    return new Map(rows.map((row) => [row.id, templateOf(row)]));
  }

  async list(window: Window): Promise<Page<Template>> {
    return pageOf(await this.templates.list(window), window.limit, (row) => row.id, templateOf);
  }

  update(reference: string, wanted: UpdateTemplate, expected: ExpectedVersions): Promise<Template> {
    return this.database.transaction(async () => {
      const row = await this.lock(reference, expected);
      const change = differing(row, wanted);
      return templateOf(change ? await this.templates.update(row.id, change) : row);
    });
  }

  delete(reference: string, expected: ExpectedVersions): Promise<void> {
    return this.database.transaction(async () => {
      const { id, name } = await this.lock(reference, expected);
      const users = await this.templates.users(id);
      if (users.length > 0) throw new Problem('IN_USE', `${name} is the template of ${listed(users)}.`);
      this.templates.softDelete(id);
    });
  }

  /** The row, locked until the transaction ends. Throws STALE if its version is not expected. */
  async lock(reference: string, expected: ExpectedVersions): Promise<TemplateRow> {
    const row = await this.templates.lock(reference);
    if (!row) throw notFound('Template', reference);
    checkVersion(row.version, expected);
    return row;
  }
}
