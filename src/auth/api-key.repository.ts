import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { isId } from '../platform/id.ts';
import { byId, type Window } from '../platform/api/page.ts';
import { tables } from '../tenants/columns.ts';
import type { Prisma, Role } from '../generated/prisma/client.ts';

export type ApiKeyRow = Prisma.ApiKeyGetPayload<object>;

/** Keys that have not been revoked. */
@Injectable()
export class ApiKeyRepository {
  constructor(private readonly database: Database) {}

  /** By id, or the newest with that name: during a replacement there are two. */
  find(reference: string): Promise<ApiKeyRow | null> {
    const which = isId(reference) ? { id: reference } : { name: reference };
    return this.database.rows.apiKey.findFirst({ where: { tenantId: tenantId(), revokedAt: null, ...which }, orderBy: { id: 'desc' } });
  }

  list(window: Window): Promise<ApiKeyRow[]> {
    const { where, ...page } = byId(window);
    return this.database.rows.apiKey.findMany({ ...page, where: { tenantId: tenantId(), revokedAt: null, ...where } });
  }

  /** Locks the name until the transaction ends, so that of two concurrent requests one sees the other's key. */
  holdName(name: string): void {
    this.database.write(
      tables.selectNoFrom(sql`pg_advisory_xact_lock(hashtextextended(${`api key ${tenantId()} ${name}`}, 0))`.as('locked')),
    );
  }

  create(key: { id: string; name: string; role: Role; sha256: Buffer; expiresAt: Date | null }): Promise<ApiKeyRow> {
    return this.database.rows.apiKey.create({ data: { ...key, tenantId: tenantId(), sha256: new Uint8Array(key.sha256) } });
  }

  /** Revokes it. Returns whether it existed. */
  async revoke(id: string): Promise<boolean> {
    const { count } = await this.database.rows.apiKey.updateMany({
      where: { tenantId: tenantId(), id, revokedAt: null },
      data: { revokedAt: new Date() },
    });
    return count > 0;
  }

  async expire(id: string, expiresAt: Date): Promise<void> {
    const where = { tenantId: tenantId(), id, OR: [{ expiresAt: null }, { expiresAt: { gt: expiresAt } }] };
    await this.database.rows.apiKey.updateMany({ where, data: { expiresAt, version: { increment: 1 } } });
  }
}
