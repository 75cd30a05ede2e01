import { Injectable } from '@nestjs/common';
import { tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { Problem } from '../platform/problem.ts';
import { DataKeyError, Seal } from '../platform/crypto/seal.ts';
import type { SealedFor } from '../platform/crypto/seal.ts';
import type { Credential } from './core/credential.ts';

/** Stores credentials, sealed under the tenant's key. Each replacement has a higher version. Nothing here reads a credential. */
@Injectable()
export class CredentialStore {
  constructor(
    private readonly database: Database,
    private readonly seal: Seal,
  ) {}

  /** Must run in the transaction that has locked the cluster's row. */
  async put(clusterId: string, credential: Credential): Promise<void> {
    const where = { tenantId_clusterId: { tenantId: tenantId(), clusterId } };
    const before = await this.database.rows.credential.findUnique({ where, select: { version: true } });
    const tenant = await this.database.rows.tenant.findUniqueOrThrow({ where: { id: tenantId() }, select: { dataKeySealed: true } });
    const version = (before?.version ?? 0) + 1;
    const sealed = this.sealed(tenant.dataKeySealed, credential, { tenantId: tenantId(), rowId: clusterId, version });
    await this.database.rows.credential.upsert({
      where,
      create: { tenantId: tenantId(), clusterId, version, sealed },
      update: { version, sealed },
    });
  }

  /** Deletes the sealed credential of a cluster that is removed. */
  async remove(clusterId: string): Promise<void> {
    await this.database.rows.credential.deleteMany({ where: { tenantId: tenantId(), clusterId } });
  }

  /** Only the operator can fix a changed master key. The data key is never replaced, because only it opens existing credentials. */
  private sealed(dataKey: Uint8Array, credential: Credential, owner: SealedFor): Uint8Array<ArrayBuffer> {
    try {
      return new Uint8Array(this.seal.seal(dataKey, JSON.stringify(credential), owner));
    } catch (error) {
      if (!(error instanceof DataKeyError)) throw error;
      throw new Problem(
        'UNAVAILABLE',
        'Credentials cannot be stored: this Slipway runs with a different master key than before. Its operator must start it with the earlier key.',
      );
    }
  }
}
