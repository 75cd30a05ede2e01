import { Injectable } from '@nestjs/common';
import { author, tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import type { Window } from '../platform/api/page.ts';
import { anyOf } from '../platform/db/statements.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { tables } from './columns.ts';

const withTemplate = { template: { select: { id: true, name: true } } } satisfies Prisma.RevisionInclude;

type Row = Prisma.RevisionGetPayload<{ include: typeof withTemplate }>;
/** Its JSON is read by `tables`. */
export type RevisionRow = Omit<Row, 'document' | 'createdBy'> & Record<'document' | 'createdBy', unknown>;

@Injectable()
export class RevisionRepository {
  constructor(private readonly database: Database) {}

  find(templateId: string, number: number): Promise<RevisionRow | null> {
    return this.database.rows.revision.findFirst({ where: { tenantId: tenantId(), templateId, number }, include: withTemplate });
  }

  /** Null also where its template is deleted. */
  findById(id: string): Promise<RevisionRow | null> {
    const where = { tenantId: tenantId(), id, template: { deletedAt: null } };
    return this.database.rows.revision.findFirst({ where, include: withTemplate });
  }

  /** Newest first, one row more than the window's limit. The window's key is a revision number. */
  list(templateId: string, { limit, after }: Window): Promise<RevisionRow[]> {
    const before = after === null ? {} : { number: { lt: Number(after) } };
    const where = { tenantId: tenantId(), templateId, ...before };
    return this.database.rows.revision.findMany({ where, take: limit + 1, orderBy: { number: 'desc' }, include: withTemplate });
  }

  /** The rows of several templates in one statement, newest first per template. */
  async listMany(templateIds: string[], { limit, after }: Window): Promise<Map<string, RevisionRow[]>> {
    const rows = await this.database.run(newest(templateIds, after === null ? null : Number(after), limit + 1));
    const found = new Map<string, RevisionRow[]>(templateIds.map((id) => [id, []]));
    for (const { templateName, ...row } of rows)
      found.get(row.templateId)?.push({ ...row, template: { id: row.templateId, name: templateName } });
    return found;
  }

  /** Creates a revision with the next number. The transaction must have locked the template's row. */
  async create(templateId: string, revision: { id: string; number: number; digest: string; document: unknown }): Promise<RevisionRow> {
    const document = revision.document as Prisma.InputJsonValue;
    await this.database.rows.template.update({
      where: { tenantId_id: { tenantId: tenantId(), id: templateId } },
      data: { latestRevision: revision.number },
    });
    return this.database.rows.revision.create({
      data: { ...revision, document, tenantId: tenantId(), templateId, createdBy: { ...author() } },
      include: withTemplate,
    });
  }
}

const newest = (templateIds: readonly string[], before: number | null, most: number) =>
  tables
    .selectFrom('templates as t')
    .innerJoinLateral(
      (select) =>
        select
          .selectFrom('revisions as of')
          .selectAll()
          .whereRef('of.tenant_id', '=', 't.tenant_id')
          .whereRef('of.template_id', '=', 't.id')
          .$if(before !== null, (older) => older.where('of.number', '<', before))
          .orderBy('of.number', 'desc')
          .limit(most)
          .as('r'),
      (join) => join.onTrue(),
    )
    .select(['r.tenant_id as tenantId', 'r.id', 'r.template_id as templateId', 'r.number', 'r.digest', 'r.document'])
    .select(['r.created_by as createdBy', 'r.created_at as createdAt', 't.name as templateName'])
    .where('t.tenant_id', '=', tenantId())
    .where('t.id', '=', anyOf(templateIds))
    .orderBy('r.number', 'desc');
