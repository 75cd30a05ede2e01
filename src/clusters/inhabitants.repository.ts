import { Injectable } from '@nestjs/common';
import { tenantId } from '../common/context.ts';
import { Database } from '../common/database.ts';
import { Prisma } from '../generated/prisma/client.ts';

/** What keeps a cluster from being removed. */
@Injectable()
export class Inhabitants {
  constructor(private readonly database: Database) {}

  /** Placements that are wanted there or have something live, as in `web in default`. */
  async of(clusterId: string): Promise<string[]> {
    const lives = { OR: [{ wanted: true }, { applied: { not: Prisma.DbNull } }] };
    const rows = await this.database.rows.placement.findMany({
      where: { tenantId: tenantId(), clusterId, workload: { deletedAt: null }, ...lives },
      select: { namespace: true, workload: { select: { name: true } } },
      orderBy: { id: 'asc' },
    });
    return rows.map(({ namespace, workload }) => `${workload.name} in ${namespace}`);
  }
}
