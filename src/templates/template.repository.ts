import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { isId } from '../platform/id.ts';
import { byId, type Window } from '../platform/api/page.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { tables } from './columns.ts';

export type TemplateRow = Prisma.TemplateGetPayload<object>;

@Injectable()
export class TemplateRepository {
  constructor(private readonly database: Database) {}

  /** The template of this id or name, if it is not deleted. */
  find(reference: string): Promise<TemplateRow | null> {
    const which = isId(reference) ? { id: reference } : { name: reference };
    return this.database.rows.template.findFirst({ where: { tenantId: tenantId(), ...which, deletedAt: null } });
  }

  findMany(ids: string[]): Promise<TemplateRow[]> {
    return this.database.rows.template.findMany({ where: { tenantId: tenantId(), id: { in: ids }, deletedAt: null } });
  }

  list(window: Window): Promise<TemplateRow[]> {
    const { where, ...page } = byId(window);
    return this.database.rows.template.findMany({ ...page, where: { tenantId: tenantId(), deletedAt: null, ...where } });
  }

  /** The row, locked until the transaction ends. */
  async lock(reference: string): Promise<TemplateRow | null> {
    const found = await this.find(reference);
    if (!found) return null;
    this.database.write(
      tables.selectFrom('templates').select('id').where('tenant_id', '=', tenantId()).where('id', '=', found.id).forUpdate(),
    );
    return this.find(found.id);
  }

  create(template: { id: string; name: string; description: string | null }): Promise<TemplateRow> {
    return this.database.rows.template.create({ data: { ...template, tenantId: tenantId() } });
  }

  update(id: string, change: { name?: string; description?: string | null }): Promise<TemplateRow> {
    return this.database.rows.template.update({
      where: { tenantId_id: { tenantId: tenantId(), id } },
      data: { ...change, version: { increment: 1 } },
    });
  }

  /** Names of the workloads that use it; removed ones do not count. */
  async users(id: string): Promise<string[]> {
    const where = { tenantId: tenantId(), templateId: id, deletedAt: null };
    const rows = await this.database.rows.workload.findMany({ where, select: { name: true }, orderBy: { id: 'asc' } });
    return rows.map((row) => row.name);
  }

  /** Leaves a tombstone of a locked template: releases go on referring to its revisions. */
  softDelete(id: string): void {
    this.database.write(
      tables
        .updateTable('templates')
        .set((e) => ({ deleted_at: sql`now()`, version: e('version', '+', 1), updated_at: sql`now()` }))
        .where('tenant_id', '=', tenantId())
        .where('id', '=', id),
    );
  }
}
