import { Injectable } from '@nestjs/common';
import { tenantId } from '../common/context.ts';
import { Database } from '../common/database.ts';

/** Who keeps a template from being deleted. */
@Injectable()
export class TemplateUsers {
  constructor(private readonly database: Database) {}

  /** Names of the workloads of this template. */
  async of(templateId: string): Promise<string[]> {
    const where = { tenantId: tenantId(), templateId, deletedAt: null };
    const rows = await this.database.rows.workload.findMany({ where, select: { name: true }, orderBy: { id: 'asc' } });
    return rows.map((row) => row.name);
  }
}
