import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { byId } from '../platform/api/page.ts';
import type { Window } from '../platform/api/page.ts';
import { anyOf, prepared } from '../platform/db/statements.ts';
import type { Parameters, RecordsText } from '../platform/db/statements.ts';
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

  /** The good ones of the releases with these numbers. */
  async goodOf(workloadId: string, numbers: readonly number[]): Promise<ReleaseRow[]> {
    const where = { tenantId: tenantId(), workloadId, number: { in: [...numbers] }, goodAt: { not: null } };
    return this.database.rows.release.findMany({ where, include: WITH });
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
    this.database.write(
      create({
        ...recordsOf(release.id, renderings),
        workload: release.workload_id,
        number: release.number,
        row: newReleases.text([release]),
      }),
    );
  }

  /** Adds renderings to a release. */
  store(releaseId: string, renderings: readonly StoredRendering[]): void {
    if (renderings.length > 0) this.database.write(store(recordsOf(releaseId, renderings)));
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
    const [row] = await this.database.run(revision({ tenant: tenantId(), templateId, number }));
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

const newReleases = tables.recordsOf<NewRelease>().into('releases', {
  id: ({ id }) => id,
  workload_id: ({ workload_id }) => workload_id,
  number: ({ number }) => number,
  revision_id: ({ revision_id }) => revision_id,
  values: ({ values }) => values,
  placements: ({ placements }) => placements,
  reason: ({ reason }) => reason,
  created_by: ({ created_by }) => created_by,
});

interface Records {
  tenant: string;
  release: string;
  /** One rendering per digest. */
  bytes: RecordsText<StoredRendering>;
  references: RecordsText<StoredRendering>;
}

const recordsOf = (release: string, renderings: readonly StoredRendering[]): Records => ({
  tenant: tenantId(),
  release,
  bytes: bytes.text([...new Map(renderings.map((rendering) => [rendering.digest, rendering])).values()]),
  references: references.text(renderings),
});

/** Equal bytes are stored once. In the order of their digests, so that two transactions that store the same ones do not wait for each other. */
const keepBytes = (p: Parameters<Records>) =>
  tables
    .insertInto('rendered')
    .columns(['tenant_id', ...bytes.columns])
    .expression((select) =>
      select
        .selectFrom(bytes.in(p.bytes).as('n'))
        .select(sql<string>`${p.tenant}::uuid`.as('tenant_id'))
        .select(bytes.under('n'))
        .orderBy('n.digest'),
    )
    .onConflict((conflict) => conflict.doNothing());

/** The release's references to the bytes. */
const refer = (p: Parameters<Records>) =>
  tables
    .selectFrom(references.in(p.references).as('n'))
    .select([sql<string>`${p.tenant}::uuid`.as('tenant_id'), sql<string>`${p.release}::uuid`.as('release_id')])
    .select(references.under('n'));

const store = prepared((p: Parameters<Records>) =>
  tables
    .with('kept', () => keepBytes(p))
    .insertInto('release_objects')
    .columns(['tenant_id', 'release_id', ...references.columns])
    .expression(refer(p))
    .onConflict((conflict) => conflict.doNothing()),
);

const create = prepared((p: Parameters<Records & { workload: string; number: number; row: RecordsText<NewRelease> }>) =>
  tables
    .with('release', (db) =>
      db
        .insertInto('releases')
        .columns(['tenant_id', ...newReleases.columns])
        .expression((select) =>
          select
            .selectFrom(newReleases.in(p.row).as('n'))
            .select(sql<string>`${p.tenant}::uuid`.as('tenant_id'))
            .select(newReleases.under('n')),
        ),
    )
    .with('noted', (db) =>
      db
        .updateTable('workloads')
        .set({ latest_release: p.number, updated_at: sql`now()` })
        .where('tenant_id', '=', p.tenant)
        .where('id', '=', p.workload),
    )
    .with('kept', () => keepBytes(p))
    .insertInto('release_objects')
    .columns(['tenant_id', 'release_id', ...references.columns])
    .expression(refer(p))
    .onConflict((conflict) => conflict.doNothing()),
);

const revision = prepared((p: Parameters<{ tenant: string; templateId: string; number: number }>) =>
  tables
    .selectFrom('revisions')
    .select(['id', 'number', 'document'])
    .where('tenant_id', '=', p.tenant)
    .where('template_id', '=', p.templateId)
    .where('number', '=', p.number),
);

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
