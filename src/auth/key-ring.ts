import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Announce } from '../common/announce.ts';
import { Database } from '../common/database.ts';
import type { Role } from '../generated/prisma/enums.ts';
import { rateOf } from '../tenants/limits.ts';
import type { Rate } from '../common/token-bucket.ts';
import { digestOf, keyId } from './key.ts';

/** A known key and its tenant. */
export interface KnownKey {
  id: string;
  name: string;
  role: Role;
  tenantId: string;
  tenantName: string;
  rate: Rate;
}

interface KeyRow {
  id: string;
  name: string;
  role: Role;
  sha256: Buffer;
  expires_at: Date | null;
  tenant_id: string;
  tenant_name: string;
  limits: unknown;
}

interface Remembered {
  row: Promise<KeyRow | null>;
  until: number;
}

/** A revoked key is refused after this time at the latest, even if its announcement is lost. */
const REMEMBER_MILLISECONDS = 4_000;
const MOST_REMEMBERED = 10_000;

/** Looks up keys by their text. Rows are cached for a few seconds, so that requests of a busy key need no statement each. */
@Injectable()
export class KeyRing {
  private readonly remembered = new Map<string, Remembered>();

  constructor(
    private readonly database: Database,
    announce: Announce,
  ) {
    announce.subscribe((message) => {
      if (message.kind === 'key') this.remembered.delete(message.id);
      if (message.kind === 'gap') this.remembered.clear();
    });
  }

  /** The key; null if it is unknown, revoked or expired. */
  async find(key: string): Promise<KnownKey | null> {
    const id = keyId(key);
    if (id === null) return null;
    const row = await this.row(id);
    if (!row || !timingSafeEqual(row.sha256, digestOf(key)) || isPast(row.expires_at)) return null;
    const { name, role, tenant_id: tenantId, tenant_name: tenantName } = row;
    return { id, name, role, tenantId, tenantName, rate: rateOf(row.limits) };
  }

  /** Whether a key is still valid. Streams and sockets check it repeatedly. */
  async isAlive(id: string): Promise<boolean> {
    const row = await this.row(id);
    return row !== null && !isPast(row.expires_at);
  }

  private row(id: string): Promise<KeyRow | null> {
    const before = this.remembered.get(id);
    if (before && before.until > performance.now()) return before.row;
    const row = this.read(id);
    this.remembered.delete(id);
    this.remembered.set(id, { row, until: performance.now() + REMEMBER_MILLISECONDS });
    if (this.remembered.size > MOST_REMEMBERED) this.remembered.delete(this.remembered.keys().next().value as string);
    row.catch(() => this.remembered.delete(id));
    return row;
  }

  private async read(id: string): Promise<KeyRow | null> {
    const [row] = await this.database.system.query<KeyRow>(
      `SELECT k.id, k.name, k.role, k.sha256, k.expires_at, t.id AS tenant_id, t.name AS tenant_name, t.limits
       FROM api_keys k JOIN tenants t ON t.id = k.tenant_id WHERE k.id = $1 AND k.revoked_at IS NULL`,
      [id],
    );
    return row ?? null;
  }
}

const isPast = (time: Date | null): boolean => time !== null && time.getTime() <= Date.now();
