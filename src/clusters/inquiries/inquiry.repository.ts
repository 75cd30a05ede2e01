import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import { anyOf, json } from '../../platform/db/statements.ts';
import type { Lease } from '../../runtime/lease.ts';
import { heldIn, leaseHeld } from '../../runtime/work.ts';
import { tables } from '../columns.ts';

/** An inquiry as a worker reads it. */
export interface Asked {
  kind: string;
  clusterId: string;
  input: unknown;
}

/** An answer, if there is one. */
export interface Found {
  answer: unknown;
  isAnswered: boolean;
  askedAt: Date;
}

/** Inquiries and their answers. They are deleted ten minutes after they were made. */
@Injectable()
export class InquiryRepository {
  constructor(private readonly database: Database) {}

  create({ id, clusterId, kind, input }: { id: string; clusterId: string; kind: string; input: object }): void {
    const row = { tenant_id: tenantId(), id, cluster_id: clusterId, kind, input: json(input) };
    this.database.write(tables.insertInto('inquiries').values(row));
  }

  /** null if it is gone, older than anybody waits, or the lease is lost. */
  async load(lease: Lease): Promise<Asked | null> {
    const [row] = await this.database.run(
      tables
        .selectFrom('inquiries')
        .select(['kind', 'cluster_id as clusterId', 'input'])
        .where('tenant_id', '=', tenantId())
        .where('id', '=', lease.id)
        .where('answered_at', 'is', null)
        .where('created_at', '>', sql<Date>`now() - interval '1 minute'`)
        .where((e) => e.exists(held(lease))),
    );
    return row ?? null;
  }

  /** Stores the answer if the lease is still held. Returns whether it was. */
  async answer(lease: Lease, answer: object): Promise<boolean> {
    const rows = await this.database.run(
      tables
        .updateTable('inquiries')
        .set({ answer: json(answer), answered_at: sql`now()` })
        .where('tenant_id', '=', tenantId())
        .where('id', '=', lease.id)
        .where((e) => e.exists(held(lease)))
        .returning('id'),
    );
    return rows.length > 0;
  }

  async find(id: string): Promise<Found | null> {
    const [row] = await this.database.run(found(id));
    return row ?? null;
  }

  /** Those of these inquiries, of any tenant, that have been answered. */
  async answeredOf(ids: readonly string[]): Promise<string[]> {
    const answered = tables.selectFrom('inquiries').select('id').where('id', '=', anyOf(ids)).where('answered_at', 'is not', null);
    return (await this.database.system.run(answered)).map((row) => row.id);
  }

  /** Whether a worker is there that holds anything in the region. */
  async isServed(regionId: string): Promise<boolean> {
    return (await this.database.system.run(heldIn(regionId).limit(sql.lit(1)))).length > 0;
  }

  /** Deletes what is older than ten minutes, of all tenants, with the work of those that nobody has answered. */
  async expire(): Promise<void> {
    await this.database.system.run(tables.deleteFrom('inquiries').where('created_at', '<', OLD));
    await this.database.system.run(leftOver());
  }
}

const OLD = sql<Date>`now() - interval '10 minutes'`;

const held = ({ id, token }: Lease) => leaseHeld({ tenant: tenantId(), kind: sql.lit('inquiries'), id, token });

const found = (id: string) =>
  tables
    .selectFrom('inquiries as i')
    .select((e) => ['i.answer', sql<boolean>`i.answered_at is not null`.as('isAnswered'), e.ref('i.created_at').as('askedAt')])
    .where('i.tenant_id', '=', tenantId())
    .where('i.id', '=', id);

const leftOver = () =>
  tables
    .deleteFrom('work as w')
    .where('w.kind', '=', sql.lit('inquiries'))
    .where('w.due_at', '<', OLD)
    .where((e) =>
      e.not(
        e.exists(e.selectFrom('inquiries as i').select('i.id').whereRef('i.tenant_id', '=', 'w.tenant_id').whereRef('i.id', '=', 'w.id')),
      ),
    );
