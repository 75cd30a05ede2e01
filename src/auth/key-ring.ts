import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Announce } from '../platform/queue/announce.ts';
import { Database } from '../platform/db/database.ts';
import type { Role } from '../generated/prisma/enums.ts';
import { tables } from '../tenants/columns.ts';
import { rateOf } from '../tenants/limits.ts';
import { Problem } from '../platform/problem.ts';
import { type Rate, TokenBuckets } from '../platform/api/token-bucket.ts';
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
  row: KeyRow;
  until: number;
}

declare module '../platform/queue/announce.ts' {
  interface Announcements {
    /** The key was changed or revoked. */
    key: { id: string };
  }
}

/** A revoked key is refused after this time at the latest, even if its announcement is lost. */
const REMEMBER_MILLISECONDS = 4_000;
const MOST_REMEMBERED = 10_000;
/** Failed lookups per address. Behind an ingress all clients share one, and after a restart each known key is looked up once. */
const FAILED_LOOKUPS: Rate = { perSecond: 50, burst: 500 };

/** Looks up keys by their text. Rows are cached for a few seconds, so that requests of a busy key need no statement each. */
@Injectable()
export class KeyRing {
  /** Existing keys. An entry whose time is up is read again, but the key still counts as known. */
  private readonly remembered = new Map<string, Remembered>();
  /** Reads in flight, by id. */
  private readonly asked = new Map<string, Promise<KeyRow | null>>();
  private readonly failures = new TokenBuckets();

  constructor(
    private readonly database: Database,
    announce: Announce,
  ) {
    announce.subscribe((message) => {
      if (message.kind === 'key') this.forget(message.id);
      if (message.kind === 'gap') [...this.remembered.keys(), ...this.asked.keys()].forEach((id) => this.forget(id));
    });
  }

  /** The key; null if it is unknown, revoked or expired. Throws RATE_LIMITED after too many unknown keys from the address. */
  async find(key: string, address: string): Promise<KnownKey | null> {
    const id = keyId(key);
    if (id === null) return null;
    const isStranger = !this.remembered.has(id);
    // Counted before the read, so that concurrent requests count too; given back if the key is valid.
    if (isStranger) this.countFailure(address);
    const row = await this.row(id).catch((error: unknown) => {
      if (isStranger) this.failures.giveBack(address, 1);
      throw error;
    });
    if (!row || !timingSafeEqual(row.sha256, digestOf(key)) || isPast(row.expires_at)) return null;
    if (isStranger) this.failures.giveBack(address, 1);
    const { name, role, tenant_id: tenantId, tenant_name: tenantName } = row;
    return { id, name, role, tenantId, tenantName, rate: rateOf(row.limits) };
  }

  /** Whether a key is still valid. Streams and sockets check it repeatedly. */
  async isAlive(id: string): Promise<boolean> {
    const row = await this.row(id);
    return row !== null && !isPast(row.expires_at);
  }

  private countFailure(address: string): void {
    const { allowed, resetSeconds } = this.failures.take(address, FAILED_LOOKUPS, 1, performance.now());
    if (!allowed) throw new Problem('RATE_LIMITED', 'Too many keys from this address are not valid.', [], resetSeconds);
  }

  /** Makes the next lookup read the key again, even if a read is in flight. */
  private forget(id: string): void {
    const before = this.remembered.get(id);
    if (before) before.until = 0;
    this.asked.delete(id);
  }

  private async row(id: string): Promise<KeyRow | null> {
    const before = this.remembered.get(id);
    if (before && before.until > performance.now()) return before.row;
    return this.asked.get(id) ?? this.ask(id);
  }

  private ask(id: string): Promise<KeyRow | null> {
    const reading = this.read(id).then(
      (row) => {
        if (this.asked.get(id) === reading) this.remember(id, row);
        return row;
      },
      (error: unknown) => {
        if (this.asked.get(id) === reading) this.asked.delete(id);
        throw error;
      },
    );
    this.asked.set(id, reading);
    return reading;
  }

  /** Remembers existing keys only, so that made-up ones cannot evict them. */
  private remember(id: string, row: KeyRow | null): void {
    this.asked.delete(id);
    this.remembered.delete(id);
    if (!row) return;
    this.remembered.set(id, { row, until: performance.now() + REMEMBER_MILLISECONDS });
    if (this.remembered.size > MOST_REMEMBERED) this.remembered.delete(this.remembered.keys().next().value as string);
  }

  private async read(id: string): Promise<KeyRow | null> {
    const [row] = await this.database.system.run(
      tables
        .selectFrom('api_keys as k')
        .innerJoin('tenants as t', 't.id', 'k.tenant_id')
        .select(['k.id', 'k.name', 'k.role', 'k.sha256', 'k.expires_at', 't.id as tenant_id', 't.name as tenant_name', 't.limits'])
        .where('k.id', '=', id)
        .where('k.revoked_at', 'is', null),
    );
    return row ?? null;
  }
}

const isPast = (time: Date | null): boolean => time !== null && time.getTime() <= Date.now();
