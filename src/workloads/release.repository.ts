import { Injectable } from '@nestjs/common';
import { tenantId } from '../common/context.ts';
import { Database } from '../common/database.ts';
import { byId } from '../common/page.ts';
import type { Window } from '../common/page.ts';
import type { Prisma } from '../generated/prisma/client.ts';

const WITH = {
  revision: { select: { id: true, number: true, digest: true, template: { select: { id: true, name: true } } } },
  workload: { select: { id: true, name: true } },
} as const satisfies Prisma.ReleaseInclude;

export type ReleaseRow = Prisma.ReleaseGetPayload<{ include: typeof WITH }>;

/** A release's rendering for one placement, as it is stored. */
export interface StoredRendering {
  placementId: string;
  digest: string;
  templateDigest: string;
  replicas: number;
  strategy: Prisma.InputJsonObject;
  /** Canonical JSON of the objects, in the order in which they are applied. */
  objects: string;
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

  /** One more than the window holds. */
  async page(workloadId: string, window: Window): Promise<ReleaseRow[]> {
    const { take, orderBy, where } = byId(window);
    return this.database.rows.release.findMany({
      where: { tenantId: tenantId(), workloadId, ...where },
      orderBy,
      take,
      include: WITH,
    });
  }

  /** The same of several workloads, in one statement for the ids and one for the rows. */
  async pages(workloadIds: readonly string[], window: Window): Promise<Map<string, ReleaseRow[]>> {
    const ranked = await this.database.rows.$queryRaw<{ id: string }[]>`
      SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY workload_id ORDER BY id DESC) AS place FROM releases
        WHERE tenant_id = ${tenantId()}::uuid AND workload_id = ANY(${[...workloadIds]}::uuid[])
          AND (${window.after}::uuid IS NULL OR id < ${window.after}::uuid)) ranked
      WHERE place <= ${window.limit + 1}`;
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

  async create(release: Omit<Prisma.ReleaseUncheckedCreateInput, 'tenantId'>): Promise<void> {
    await this.database.rows.release.create({ data: { ...release, tenantId: tenantId() } });
  }

  /** Keeps renderings; bytes that are already there are kept once. */
  async store(releaseId: string, renderings: readonly StoredRendering[]): Promise<void> {
    if (renderings.length === 0) return;
    const bytes = new Map(renderings.map((rendering) => [rendering.digest, rendering.objects]));
    await this.database.rows.rendered.createMany({
      data: [...bytes].map(([digest, objects]) => ({ tenantId: tenantId(), digest, objects })),
      skipDuplicates: true,
    });
    await this.database.rows.releaseObject.createMany({
      data: renderings.map(({ objects: _, ...reference }) => ({ ...reference, tenantId: tenantId(), releaseId })),
      skipDuplicates: true,
    });
  }

  /** What a release's renderings are, per placement, without the bytes. */
  async renderings(releaseId: string, placementIds: readonly string[]): Promise<Omit<StoredRendering, 'objects'>[]> {
    const rows = await this.database.rows.releaseObject.findMany({
      where: { tenantId: tenantId(), releaseId, placementId: { in: [...placementIds] } },
    });
    return rows.map(({ placementId, digest, templateDigest, replicas, strategy }) => ({
      placementId,
      digest,
      templateDigest,
      replicas,
      strategy: strategy as Prisma.InputJsonObject,
    }));
  }

  /** The bytes of these digests. */
  async objects(digests: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.database.rows.rendered.findMany({ where: { tenantId: tenantId(), digest: { in: [...digests] } } });
    return new Map(rows.map((row) => [row.digest, row.objects]));
  }

  async revision(templateId: string, number: number): Promise<{ id: string; number: number; document: unknown } | null> {
    return this.database.rows.revision.findFirst({
      where: { tenantId: tenantId(), templateId, number },
      select: { id: true, number: true, document: true },
    });
  }

  async revisionById(id: string): Promise<{ id: string; number: number; document: unknown }> {
    return this.database.rows.revision.findUniqueOrThrow({
      where: { tenantId_id: { tenantId: tenantId(), id } },
      select: { id: true, number: true, document: true },
    });
  }
}
