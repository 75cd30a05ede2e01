import { Injectable } from '@nestjs/common';
import { tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { Seal } from '../platform/crypto/seal.ts';
import type { Credential } from './core/credential.ts';

/** Opens credentials, for workers only. No module of the API provides it. */
@Injectable()
export class CredentialReader {
  constructor(
    private readonly database: Database,
    private readonly seal: Seal,
  ) {}

  /** Credential and version of a cluster of the context's tenant; null if the cluster no longer exists. Throws SealError if the row was moved or changed. */
  async get(clusterId: string): Promise<{ credential: Credential; version: number } | null> {
    const row = await this.database.rows.credential.findUnique({ where: { tenantId_clusterId: { tenantId: tenantId(), clusterId } } });
    if (!row) return null;
    const tenant = await this.database.rows.tenant.findUniqueOrThrow({ where: { id: tenantId() }, select: { dataKeySealed: true } });
    const { version } = row;
    const text = this.seal.open(tenant.dataKeySealed, row.sealed, { tenantId: tenantId(), rowId: clusterId, version }).toString('utf8');
    return { credential: JSON.parse(text) as Credential, version };
  }
}
