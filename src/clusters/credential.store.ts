import { Injectable } from '@nestjs/common';
import { tenantId } from '../common/context.ts';
import { Database } from '../common/database.ts';
import { Seal } from '../common/seal.ts';
import type { Credential } from './core/credential.ts';

/** Where credentials go in: sealed under the tenant's key, each replacement under a higher version. Nothing here reads one. */
@Injectable()
export class CredentialStore {
  constructor(
    private readonly database: Database,
    private readonly seal: Seal,
  ) {}

  /** Within the transaction that holds the cluster's row. */
  async put(clusterId: string, credential: Credential): Promise<void> {
    const where = { tenantId_clusterId: { tenantId: tenantId(), clusterId } };
    const before = await this.database.rows.credential.findUnique({ where, select: { version: true } });
    const tenant = await this.database.rows.tenant.findUniqueOrThrow({ where: { id: tenantId() }, select: { dataKeySealed: true } });
    const version = (before?.version ?? 0) + 1;
    const sealed = new Uint8Array(
      this.seal.seal(tenant.dataKeySealed, JSON.stringify(credential), { tenantId: tenantId(), clusterId, version }),
    );
    await this.database.rows.credential.upsert({
      where,
      create: { tenantId: tenantId(), clusterId, version, sealed },
      update: { version, sealed },
    });
  }
}
