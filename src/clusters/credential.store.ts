import { Injectable } from '@nestjs/common';
import { tenantId } from '../common/context.ts';
import { Database } from '../common/database.ts';
import { Problem } from '../common/problem.ts';
import { DataKeyError, Seal } from '../common/seal.ts';
import type { SealedFor } from '../common/seal.ts';
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
    const sealed = this.sealed(tenant.dataKeySealed, credential, { tenantId: tenantId(), clusterId, version });
    await this.database.rows.credential.upsert({
      where,
      create: { tenantId: tenantId(), clusterId, version, sealed },
      update: { version, sealed },
    });
  }

  /** The sealed credential of a cluster that is removed: its row goes, as no tombstone needs it. */
  async remove(clusterId: string): Promise<void> {
    await this.database.rows.credential.deleteMany({ where: { tenantId: tenantId(), clusterId } });
  }

  /** A changed master key is for the operator to put right; the data key is never replaced, as it alone opens what was sealed before. */
  private sealed(dataKey: Uint8Array, credential: Credential, owner: SealedFor): Uint8Array<ArrayBuffer> {
    try {
      return new Uint8Array(this.seal.seal(dataKey, JSON.stringify(credential), owner));
    } catch (error) {
      if (!(error instanceof DataKeyError)) throw error;
      throw new Problem(
        'UNAVAILABLE',
        'Credentials cannot be taken: the master key of this Slipway is not the one that was used before. Its operator has to start it with that key.',
      );
    }
  }
}
