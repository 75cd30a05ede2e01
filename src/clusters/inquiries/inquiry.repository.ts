import { Injectable } from '@nestjs/common';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import { storableJson } from '../../platform/db/storable.ts';
import type { Lease } from '../../runtime/lease.ts';
import { leaseHeld } from '../../runtime/work.ts';

/** An inquiry as a worker reads it. */
export interface Asked {
  kind: string;
  clusterId: string;
  input: unknown;
}

/** An answer, or null with whether a worker has begun to look for it. */
export interface Found {
  answer: unknown;
  isAnswered: boolean;
  isClaimed: boolean;
  askedAt: Date;
}

/** Inquiries and their answers. They are deleted ten minutes after they were made. */
@Injectable()
export class InquiryRepository {
  constructor(private readonly database: Database) {}

  create(inquiry: { id: string; clusterId: string; kind: string; input: unknown }): void {
    this.database.send(CREATE, [tenantId(), inquiry.id, inquiry.clusterId, inquiry.kind, JSON.stringify(inquiry.input)]);
  }

  /** null if it is gone, or the lease is lost. */
  async load(lease: Lease): Promise<Asked | null> {
    const [row] = await this.database.query<Asked>(LOAD, [tenantId(), lease.id, lease.token]);
    return row ?? null;
  }

  /** Stores the answer if the lease is still held. Returns whether it was. */
  async answer(lease: Lease, answer: unknown): Promise<boolean> {
    const rows = await this.database.query(ANSWER, [tenantId(), lease.id, lease.token, storableJson(answer)]);
    return rows.length > 0;
  }

  async find(id: string): Promise<Found | null> {
    const [row] = await this.database.query<Found>(FIND, [tenantId(), id]);
    return row ?? null;
  }

  /** Those of these inquiries, of any tenant, that have been answered. */
  async answeredOf(ids: readonly string[]): Promise<string[]> {
    const text = 'SELECT id FROM inquiries WHERE id = ANY($1::uuid[]) AND answered_at IS NOT NULL';
    return (await this.database.system.query<{ id: string }>(text, [ids])).map((row) => row.id);
  }

  /** Deletes what is older than ten minutes, of all tenants, with the work of those that nobody has answered. */
  async expire(): Promise<void> {
    await this.database.system.query("DELETE FROM inquiries WHERE created_at < now() - interval '10 minutes'");
    await this.database.system.query(LEFT_OVER);
  }
}

const CREATE = `
  INSERT INTO inquiries (tenant_id, id, cluster_id, kind, input) VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5::jsonb)`;

const held = leaseHeld({ kind: `'inquiries'`, id: '$2', token: '$3' });

const LOAD = `
  SELECT i.kind, i.cluster_id AS "clusterId", i.input FROM inquiries i
  WHERE i.tenant_id = $1::uuid AND i.id = $2::uuid AND i.answered_at IS NULL AND EXISTS (${held})`;

const ANSWER = `
  UPDATE inquiries SET answer = $4::jsonb, answered_at = now() WHERE tenant_id = $1::uuid AND id = $2::uuid AND EXISTS (${held}) RETURNING id`;

const FIND = `
  SELECT i.answer, i.answered_at IS NOT NULL AS "isAnswered", coalesce(w.lease_owner IS NOT NULL, false) AS "isClaimed",
    i.created_at AS "askedAt"
  FROM inquiries i
  LEFT JOIN work w ON w.tenant_id = i.tenant_id AND w.kind = 'inquiries' AND w.id = i.id
  WHERE i.tenant_id = $1::uuid AND i.id = $2::uuid`;

const LEFT_OVER = `
  DELETE FROM work w WHERE w.kind = 'inquiries' AND w.due_at < now() - interval '10 minutes'
    AND NOT EXISTS (SELECT 1 FROM inquiries i WHERE i.tenant_id = w.tenant_id AND i.id = w.id)`;
