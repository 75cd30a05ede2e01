import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import type { PodSecurityLevel } from '../generated/prisma/enums.ts';
import { isId } from '../platform/id.ts';
import type { Window } from '../platform/api/page.ts';
import { tables } from './columns.ts';
import type { Limits } from './limits.ts';

/** A tenant's row without its data key. */
export interface TenantRow {
  id: string;
  name: string;
  limits: unknown;
  podSecurity: PodSecurityLevel;
  version: number;
  createdAt: Date;
  updatedAt: Date;
}

const summaries = () =>
  tables
    .selectFrom('tenants')
    .select(['id', 'name', 'limits', 'pod_security as podSecurity', 'version', 'created_at as createdAt', 'updated_at as updatedAt']);

/** Tenants. They are read across all tenants by the role that sees no keys, and written as the tenant itself. */
@Injectable()
export class TenantRepository {
  constructor(private readonly database: Database) {}

  async findSummary(reference: string): Promise<TenantRow | null> {
    const [row] = await this.database.system.run(summaries().where(isId(reference) ? 'id' : 'name', '=', reference));
    return row ?? null;
  }

  /** Newest first, one row more than the window's limit. */
  list({ limit, after }: Window): Promise<TenantRow[]> {
    const all = summaries()
      .orderBy('id', 'desc')
      .limit(limit + 1);
    return this.database.system.run(after === null ? all : all.where('id', '<', after));
  }

  /**
   * Creates the tenant with its sealed data key and the head of its events. It does so in the operator's transaction, so that a repeated request has one
   * effect. For these rows the transaction sets the new tenant.
   */
  async create(
    { id, ...columns }: { id: string; name: string; limits: Partial<Limits>; podSecurity?: PodSecurityLevel },
    dataKeySealed: Buffer,
  ): Promise<TenantRow> {
    return this.within(id, async () => {
      const row = await this.database.rows.tenant.create({
        data: { id, ...columns, dataKeySealed: new Uint8Array(dataKeySealed), eventHead: { create: {} } },
      });
      return summary(row);
    });
  }

  async update(id: string, change: { name?: string; limits?: Partial<Limits>; podSecurity?: PodSecurityLevel }): Promise<TenantRow> {
    return this.within(id, async () =>
      summary(await this.database.rows.tenant.update({ where: { id }, data: { ...change, version: { increment: 1 } } })),
    );
  }

  /** The row, locked until the transaction ends; null if it no longer exists. */
  async lock(id: string): Promise<TenantRow | null> {
    return this.within(id, async () => {
      this.database.write(tables.selectFrom('tenants').select('id').where('id', '=', id).forUpdate());
      const row = await this.database.rows.tenant.findUnique({ where: { id } });
      return row && summary(row);
    });
  }

  /** Locks the row of the context's tenant until the transaction ends. */
  async hold(): Promise<TenantRow | null> {
    this.database.write(tables.selectFrom('tenants').select('id').where('id', '=', tenantId()).forNoKeyUpdate());
    const row = await this.database.rows.tenant.findUnique({ where: { id: tenantId() } });
    return row && summary(row);
  }

  /** The level of the context's tenant. */
  async podSecurity(): Promise<PodSecurityLevel> {
    const where = { id: tenantId() };
    return (await this.database.rows.tenant.findUniqueOrThrow({ where, select: { podSecurity: true } })).podSecurity;
  }

  async use(): Promise<{ clusters: number; workloads: number }> {
    const clusters = await this.database.rows.cluster.count({ where: { tenantId: tenantId(), deletedAt: null } });
    const workloads = await this.database.rows.workload.count({ where: { tenantId: tenantId(), deletedAt: null } });
    return { clusters, workloads };
  }

  /** Number of moving targets, as the quota counts them. */
  movingTargets(): Promise<number> {
    return this.database.rows.target.count({
      where: {
        tenantId: tenantId(),
        phase: { in: ['PROGRESSING', 'BAKING', 'ROLLING_BACK'] },
        rollout: { phase: { in: ['RUNNING', 'PAUSED', 'ROLLING_BACK'] } },
      },
    });
  }

  /** Runs part of the operator's open transaction as that tenant. */
  private async within<T>(id: string, work: () => Promise<T>): Promise<T> {
    const become = (tenant: string): void =>
      this.database.write(tables.selectNoFrom(sql`set_config('app.tenant_id', ${tenant}, true)`.as('tenant')));
    const [before] = await this.database.run(tables.selectNoFrom(sql<string | null>`current_setting('app.tenant_id', true)`.as('tenant')));
    become(id);
    const result = await work();
    become(before?.tenant ?? '');
    return result;
  }
}

const summary = ({ id, name, limits, podSecurity, version, createdAt, updatedAt }: TenantRow): TenantRow => ({
  id,
  name,
  limits,
  podSecurity,
  version,
  createdAt,
  updatedAt,
});
