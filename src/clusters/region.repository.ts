import { Injectable } from '@nestjs/common';
import { Database } from '../platform/db/database.ts';
import { isId } from '../platform/id.ts';
import { byId, type Window } from '../platform/api/page.ts';
import type { Prisma } from '../generated/prisma/client.ts';

export type RegionRow = Prisma.RegionGetPayload<object>;

/** Regions. They belong to no tenant. */
@Injectable()
export class RegionRepository {
  constructor(private readonly database: Database) {}

  find(reference: string): Promise<RegionRow | null> {
    return this.database.rows.region.findFirst({ where: isId(reference) ? { id: reference } : { name: reference } });
  }

  list(window: Window): Promise<RegionRow[]> {
    return this.database.rows.region.findMany(byId(window));
  }

  /** Ids and names of all regions, for workers. */
  all(): Promise<{ id: string; name: string }[]> {
    return this.database.system.query('SELECT id, name FROM regions ORDER BY id');
  }

  create(id: string, name: string): Promise<RegionRow> {
    return this.database.rows.region.create({ data: { id, name } });
  }
}
