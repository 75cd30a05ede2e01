import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { byId } from '../platform/api/page.ts';
import type { Window } from '../platform/api/page.ts';
import { anyOf, json, uuid } from '../platform/db/statements.ts';
import type { CreatedBy } from '../platform/model/reference.model.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { tables } from './columns.ts';
import type { ReleasedPlacement } from './columns.ts';
import type { Values } from './core/layers.ts';
import type { Strategy } from './core/strategy.ts';

const WITH = {
  revision: { select: { id: true, number: true, digest: true, template: { select: { id: true, name: true } } } },
  workload: { select: { id: true, name: true } },
} as const satisfies Prisma.ReleaseInclude;

export type ReleaseRow = Prisma.ReleaseGetPayload<{ include: typeof WITH }>;

/** A release's stored rendering for one placement. */
export interface StoredRendering {
  placementId: string;
  digest: string;
  templateDigest: string;
  replicas: number;
  strategy: Strategy;
  /** Canonical JSON of the objects, in the order of their application. */
  objects: string;
}

/** A new release, with the columns of its row. */
export interface NewRelease {
  id: string;
  workload_id: string;
  number: number;
  revision_id: string;
  values: Values;
  placements: readonly ReleasedPlacement[];
  reason: string | null;
  created_by: CreatedBy;
}

@Injectable()
export class ReleaseRepository {
  constructor(private readonly database: Database) {}

  async byNumber(workloadId: string, number: number): Promise<ReleaseRow | null> {
    return this.database.rows.release.findFirst({ where: { tenantId: tenantId(), workloadId, number }, include: WITH });
  }

  async many(ids: readonly string[]): Promise<ReleaseRow[]> {
    return this.database.rows.release.findMany({ where: { tenantId: tenantId(), id: { in: [...ids] } }, include: WITH });
  }

  async byId(id: string): Promise<ReleaseRow> {
    return this.database.rows.release.findUniqueOrThrow({ where: { tenantId_id: { tenantId: tenantId(), id } }, include: WITH });
  }

  /** The newest good release with a smaller number. */
  async newestGoodBefore(workloadId: string, number: number): Promise<ReleaseRow | null> {
    return this.database.rows.release.findFirst({
      where: { tenantId: tenantId(), workloadId, number: { lt: number }, goodAt: { not: null } },
      orderBy: { number: 'desc' },
      include: WITH,
    });
  }

  /** Newest first, one row more than the window's limit. */
  async page(workloadId: string, window: Window): Promise<ReleaseRow[]> {
    const { take, orderBy, where } = byId(window);
    return this.database.rows.release.findMany({
      where: { tenantId: tenantId(), workloadId, ...where },
      orderBy,
      take,
      include: WITH,
    });
  }

  /** The releases of several workloads, with one statement for the ids and one for the rows. */
  async pages(workloadIds: readonly string[], window: Window): Promise<Map<string, ReleaseRow[]>> {
    const ranked = await this.database.run(newest(workloadIds, window));
    const rows = await this.many(ranked.map((row) => row.id));
    const pages = new Map<string, ReleaseRow[]>(workloadIds.map((id) => [id, []]));
    for (const row of rows.sort((a, b) => (a.id < b.id ? 1 : -1))) pages.get(row.workload.id)?.push(row);
    return pages;
  }

  /** Renderings with their bytes, by release. */
  async storedObjects(releaseIds: readonly string[]): Promise<Map<string, { placementId: string; objects: string }[]>> {
    const rows = await this.database.rows.releaseObject.findMany({
      where: { tenantId: tenantId(), releaseId: { in: [...releaseIds] } },
      select: { releaseId: true, placementId: true, rendered: { select: { objects: true } } },
    });
    const found = new Map<string, { placementId: string; objects: string }[]>(releaseIds.map((id) => [id, []]));
    for (const { releaseId, placementId, rendered } of rows) found.get(releaseId)?.push({ placementId, objects: rendered.objects });
    return found;
  }

  /** Stores a new release with its renderings, and sets it as its workload's newest. */
  create(release: NewRelease, renderings: readonly StoredRendering[]): void {
    const { values, placements, created_by, ...columns } = release;
    const row = { ...columns, tenant_id: tenantId(), values: json(values), placements: json(placements), created_by: json(created_by) };
    this.database.write(
      tables
        .with('release', (db) => db.insertInto('releases').values(row))
        .with('noted', (db) =>
          db
            .updateTable('workloads')
            .set({ latest_release: release.number, updated_at: sql`now()` })
            .where('tenant_id', '=', tenantId())
            .where('id', '=', release.workload_id),
        )
        .with('kept', () => keepBytes(renderings))
        .insertInto('release_objects')
        .columns(['tenant_id', 'release_id', ...references.columns])
        .expression(refer(release.id, renderings))
        .onConflict((conflict) => conflict.doNothing()),
    );
  }

  /** Adds renderings to a release. */
  store(releaseId: string, renderings: readonly StoredRendering[]): void {
    if (renderings.length === 0) return;
    this.database.write(
      tables
        .with('kept', () => keepBytes(renderings))
        .insertInto('release_objects')
        .columns(['tenant_id', 'release_id', ...references.columns])
        .expression(refer(releaseId, renderings))
        .onConflict((conflict) => conflict.doNothing()),
    );
  }

  /** A release's renderings per placement, without the bytes. */
  async renderings(releaseId: string, placementIds: readonly string[]): Promise<Omit<StoredRendering, 'objects'>[]> {
    const rows = await this.database.rows.releaseObject.findMany({
      where: { tenantId: tenantId(), releaseId, placementId: { in: [...placementIds] } },
    });
    return rows.map(({ placementId, digest, templateDigest, replicas, strategy }) => ({
      placementId,
      digest,
      templateDigest,
      replicas,
      strategy: tables.read('release_objects', 'strategy', strategy),
    }));
  }

  /** The bytes of these digests. */
  async objects(digests: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.database.rows.rendered.findMany({ where: { tenantId: tenantId(), digest: { in: [...digests] } } });
    return new Map(rows.map((row) => [row.digest, row.objects]));
  }

  async revision(templateId: string, number: number): Promise<{ id: string; number: number; document: unknown } | null> {
    const [row] = await this.database.run(
      tables
        .selectFrom('revisions')
        .select(['id', 'number', 'document'])
        .where('tenant_id', '=', tenantId())
        .where('template_id', '=', templateId)
        .where('number', '=', number),
    );
    return row ?? null;
  }

  async revisionById(id: string): Promise<{ id: string; number: number; document: unknown }> {
    return this.database.rows.revision.findUniqueOrThrow({
      where: { tenantId_id: { tenantId: tenantId(), id } },
      select: { id: true, number: true, document: true },
    });
  }
}

const bytes = tables.recordsOf<StoredRendering>().into('rendered', {
  digest: ({ digest }) => digest,
  objects: ({ objects }) => objects,
});

const references = tables.recordsOf<StoredRendering>().into('release_objects', {
  placement_id: ({ placementId }) => placementId,
  digest: ({ digest }) => digest,
  template_digest: ({ templateDigest }) => templateDigest,
  replicas: ({ replicas }) => replicas,
  strategy: ({ strategy }) => strategy,
});

/** Equal bytes are stored once. In the order of their digests, so that two transactions that store the same ones do not wait for each other. */
const keepBytes = (renderings: readonly StoredRendering[]) =>
  tables
    .insertInto('rendered')
    .columns(['tenant_id', ...bytes.columns])
    .expression((select) =>
      select
        .selectFrom(bytes.of([...new Map(renderings.map((rendering) => [rendering.digest, rendering])).values()]).as('n'))
        .select(uuid(tenantId()).as('tenant_id'))
        .select(bytes.under('n'))
        .orderBy('n.digest'),
    )
    .onConflict((conflict) => conflict.doNothing());

/** The release's references to the bytes. */
const refer = (releaseId: string, renderings: readonly StoredRendering[]) =>
  tables
    .selectFrom(references.of(renderings).as('n'))
    .select([uuid(tenantId()).as('tenant_id'), uuid(releaseId).as('release_id')])
    .select(references.under('n'));

/** Ids of the newest releases of each workload. */
const newest = (workloadIds: readonly string[], { after, limit }: Window) =>
  tables
    .selectFrom((select) =>
      select
        .selectFrom('releases')
        .select((e) => [
          'id',
          e.fn
            .agg<number>('row_number')
            .over((over) => over.partitionBy('workload_id').orderBy('id', 'desc'))
            .as('place'),
        ])
        .where('tenant_id', '=', tenantId())
        .where('workload_id', '=', anyOf(workloadIds))
        .$if(after !== null, (older) => older.where('id', '<', after))
        .as('ranked'),
    )
    .select('id')
    .where('place', '<=', limit + 1);
