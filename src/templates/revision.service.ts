import { Injectable } from '@nestjs/common';
import { alreadyThere } from '../platform/api/answer.ts';
import { digestOf } from '../platform/canonical-json.ts';
import { Database } from '../platform/db/database.ts';
import type { Fault } from '../platform/fault.ts';
import { newId } from '../platform/id.ts';
import { type Page, pageOf, type Window } from '../platform/api/page.ts';
import { invalid, notFound } from '../platform/problem.ts';
import { Resources } from '../platform/api/resources.ts';
import type { PodSecurityLevel } from '../generated/prisma/enums.ts';
import { TenantService } from '../tenants/tenant.service.ts';
import type { TemplateDocument } from './core/document.ts';
import { validateDocument } from './core/validate.ts';
import { readYaml } from './core/yaml/reader.ts';
import { type NamedPlace, RevisionChecks } from './revision-checks.ts';
import { RevisionRepository, type RevisionRow } from './revision.repository.ts';
import { type Revision, revisionOf } from './template.model.ts';
import { TemplateService } from './template.service.ts';

/** A posted document: parsed JSON, or the text of a YAML file. */
export type Posted = { json: unknown } | { yaml: string };

/** The immutable versions of a template. */
@Injectable()
export class RevisionService {
  constructor(
    private readonly database: Database,
    private readonly templates: TemplateService,
    private readonly revisions: RevisionRepository,
    private readonly tenants: TenantService,
    private readonly checks: RevisionChecks,
    resources: Resources,
  ) {
    resources.add('revision', async (id) => {
      const row = await this.revisions.findById(id);
      if (!row) throw notFound('Revision', id);
      return this.shown(row);
    });
  }

  /**
   * Stores the document as a new revision, and starts its checks. If the newest one has the same content, returns that one with 200; it is checked again.
   *
   * @param named where it is checked; null = where its workloads are placed
   */
  async create(reference: string, posted: Posted, named: NamedPlace | null): Promise<Revision> {
    const document = read(posted, await this.tenants.podSecurity());
    const digest = digestOf(document);
    return this.database.transaction(async () => {
      const template = await this.templates.lock(reference, null);
      const newest = template.latestRevision === 0 ? null : await this.revisions.find(template.id, template.latestRevision);
      const isSame = newest?.digest === digest;
      const number = template.latestRevision + 1;
      const row = isSame ? newest : await this.revisions.create(template.id, { id: newId(), number, digest, document });
      await this.checks.start({ id: row.id, templateId: template.id, document }, named);
      return isSame ? alreadyThere(await this.shown(row)) : this.shown(row);
    });
  }

  async get(reference: string, number: string): Promise<Revision> {
    return this.shown(await this.row(reference, number));
  }

  /** The row of a revision by its template and number. Throws NOT_FOUND. */
  async row(reference: string, number: string): Promise<RevisionRow> {
    const template = await this.templates.row(reference);
    const row = /^[1-9]\d{0,8}$/.test(number) ? await this.revisions.find(template.id, Number(number)) : null;
    if (!row) throw notFound('Revision', `${number} of ${template.name}`);
    return row;
  }

  async list(reference: string, window: Window): Promise<Page<Revision>> {
    const template = await this.templates.row(reference);
    const rows = await this.revisions.list(template.id, window);
    const checks = await this.checks.of(rows.map(({ id }) => id));
    return pageOf(rows, window.limit, key, (row) => revisionOf(row, checks.get(row.id) ?? []));
  }

  /** One page for each of several templates, with one statement for the revisions and one for their checks. */
  async pages(templateIds: string[], window: Window): Promise<Map<string, Page<Revision>>> {
    const found = await this.revisions.listMany(templateIds, window);
    const checks = await this.checks.of([...found.values()].flat().map(({ id }) => id));
    const shown = (row: RevisionRow): Revision => revisionOf(row, checks.get(row.id) ?? []);
    return new Map([...found].map(([id, rows]) => [id, pageOf(rows, window.limit, key, shown)]));
  }

  private async shown(row: RevisionRow): Promise<Revision> {
    return revisionOf(row, (await this.checks.of([row.id])).get(row.id) ?? []);
  }
}

const key = (row: { number: number }): string => String(row.number);

/** Whether this is the key of a revision cursor. */
export const isNumber = (text: string): boolean => /^\d{1,9}$/.test(text);

/** The posted document; its faults at their pointers, those of a YAML text with line and column, too. */
function read(posted: Posted, podSecurity: PodSecurityLevel): TemplateDocument {
  const reading = 'yaml' in posted ? readYaml(posted.yaml) : { document: posted.json, located: (faults: Fault[]) => faults };
  if ('faults' in reading) throw invalid(...reading.faults);
  const checked = validateDocument(reading.document, podSecurity);
  if ('faults' in checked) throw invalid(...reading.located(checked.faults));
  return checked.document;
}
