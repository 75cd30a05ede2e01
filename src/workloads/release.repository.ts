import { Injectable } from '@nestjs/common';
import { tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { byId } from '../platform/api/page.ts';
import type { Window } from '../platform/api/page.ts';
import type { CreatedBy } from '../platform/model/reference.model.ts';
import type { Prisma } from '../generated/prisma/client.ts';

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
  strategy: Prisma.InputJsonObject;
  /** Canonical JSON of the objects, in the order of their application. */
  objects: string;
}

/** A new release, with the columns of its row. */
export interface NewRelease {
  id: string;
  workload_id: string;
  number: number;
  revision_id: string;
  values: Readonly<Record<string, unknown>>;
  placements: readonly object[];
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
    const ranked = await this.database.query<{ id: string }>(NEWEST, [tenantId(), [...workloadIds], window.after, window.limit + 1]);
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
    this.database.send(CREATE, [tenantId(), ...recordsOf(renderings), JSON.stringify(release)]);
  }

  /** Adds renderings to a release. */
  store(releaseId: string, renderings: readonly StoredRendering[]): void {
    if (renderings.length === 0) return;
    this.database.send(STORE, [tenantId(), ...recordsOf(renderings), releaseId]);
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
      strategy: strategy as Prisma.InputJsonObject,
    }));
  }

  /** The bytes of these digests. */
  async objects(digests: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.database.rows.rendered.findMany({ where: { tenantId: tenantId(), digest: { in: [...digests] } } });
    return new Map(rows.map((row) => [row.digest, row.objects]));
  }

  async revision(templateId: string, number: number): Promise<{ id: string; number: number; document: unknown } | null> {
    const text = 'SELECT id, number, document FROM revisions WHERE tenant_id = $1::uuid AND template_id = $2::uuid AND number = $3::int';
    const [row] = await this.database.query<{ id: string; number: number; document: unknown }>(text, [tenantId(), templateId, number]);
    return row ?? null;
  }

  async revisionById(id: string): Promise<{ id: string; number: number; document: unknown }> {
    return this.database.rows.revision.findUniqueOrThrow({
      where: { tenantId_id: { tenantId: tenantId(), id } },
      select: { id: true, number: true, document: true },
    });
  }
}

/** Parameters $2 and $3: the bytes by digest, and the references to them. */
function recordsOf(renderings: readonly StoredRendering[]): [string, string] {
  const bytes = new Map(renderings.map(({ digest, objects }) => [digest, { digest, objects }]));
  const references = renderings.map(({ placementId, digest, templateDigest, replicas, strategy }) => ({
    placement_id: placementId,
    digest,
    template_digest: templateDigest,
    replicas,
    strategy,
  }));
  return [JSON.stringify([...bytes.values()]), JSON.stringify(references)];
}

const NEWEST = `
  SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY workload_id ORDER BY id DESC) AS place FROM releases
    WHERE tenant_id = $1::uuid AND workload_id = ANY($2::uuid[]) AND ($3::uuid IS NULL OR id < $3::uuid)) ranked
  WHERE place <= $4::int`;

/** Equal bytes are stored once. */
const KEEP_BYTES = `
  INSERT INTO rendered (tenant_id, digest, objects)
  SELECT $1::uuid, n.digest, n.objects FROM jsonb_populate_recordset(NULL::rendered, $2::jsonb) n ORDER BY n.digest ON CONFLICT DO NOTHING`;

const REFER = (release: string): string => `
  INSERT INTO release_objects (tenant_id, release_id, placement_id, digest, template_digest, replicas, strategy)
  SELECT $1::uuid, ${release}, n.placement_id, n.digest, n.template_digest, n.replicas, n.strategy
  FROM jsonb_populate_recordset(NULL::release_objects, $3::jsonb) n ON CONFLICT DO NOTHING`;

const STORE = `WITH kept AS (${KEEP_BYTES}) ${REFER('$4::uuid')}`;

const CREATE = `
  WITH release AS (
    INSERT INTO releases (tenant_id, id, workload_id, number, revision_id, "values", placements, reason, created_by)
    SELECT $1::uuid, n.id, n.workload_id, n.number, n.revision_id, n."values", n.placements, n.reason, n.created_by
    FROM jsonb_populate_record(NULL::releases, $4::jsonb) n RETURNING id, workload_id, number
  ), noted AS (
    UPDATE workloads w SET latest_release = release.number, updated_at = now() FROM release WHERE w.tenant_id = $1::uuid AND w.id = release.workload_id
  ), kept AS (${KEEP_BYTES})
  ${REFER('(SELECT id FROM release)')}`;
