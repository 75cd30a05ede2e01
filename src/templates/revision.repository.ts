import { Injectable } from '@nestjs/common';
import { author, tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import type { Window } from '../platform/api/page.ts';
import { Prisma } from '../generated/prisma/client.ts';

const withTemplate = { template: { select: { id: true, name: true } } } satisfies Prisma.RevisionInclude;

export type RevisionRow = Prisma.RevisionGetPayload<{ include: typeof withTemplate }>;

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
    const before = after === null ? null : Number(after);
    const rows = await this.database.query<RevisionRow & { templateName: string }>(NEWEST, [tenantId(), templateIds, before, limit + 1]);
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

const NEWEST = `
  SELECT r.tenant_id AS "tenantId", r.id, r.template_id AS "templateId", r.number, r.digest, r.document, r.created_by AS "createdBy",
    r.created_at AS "createdAt", t.name AS "templateName"
  FROM templates t
  CROSS JOIN LATERAL (
    SELECT * FROM revisions r
    WHERE r.tenant_id = t.tenant_id AND r.template_id = t.id AND ($3::int IS NULL OR r.number < $3::int) ORDER BY r.number DESC LIMIT $4::int
  ) r
  WHERE t.tenant_id = $1::uuid AND t.id = ANY($2::uuid[])
  ORDER BY r.number DESC`;
