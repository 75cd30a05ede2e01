import { Injectable } from '@nestjs/common';
import { canonicalJson } from '../platform/canonical-json.ts';
import { author } from '../platform/db/context.ts';
import { newId } from '../platform/id.ts';
import { pageOf } from '../platform/api/page.ts';
import type { Page, Window } from '../platform/api/page.ts';
import { invalid, notFound } from '../platform/problem.ts';
import type { PodSecurityLevel } from '../generated/prisma/enums.ts';
import type { TemplateDocument } from '../templates/core/document.ts';
import { merged, ofPlacement, ofRelease, withOrigins } from './core/layers.ts';
import type { Layer, Values } from './core/layers.ts';
import { render } from './core/render.ts';
import type { Rendering } from './core/render.ts';
import { releaseOf } from './release.model.ts';
import type { Release, ReleaseDetail, ReleaseObjects } from './release.model.ts';
import { ReleaseRepository } from './release.repository.ts';
import type { ReleaseRow, StoredRendering } from './release.repository.ts';
import { TenantService } from '../tenants/tenant.service.ts';
import { WorkloadService } from './workload.service.ts';

/** A place for which a release is rendered. */
export interface Site {
  id: string;
  cluster: string;
  namespace: string;
  values: Values;
}

interface Revision {
  id: string;
  number: number;
  document: unknown;
}

/** Releases: revision + values, rendered for every placement when accepted, and stored byte for byte. */
@Injectable()
export class ReleaseService {
  constructor(
    private readonly releases: ReleaseRepository,
    private readonly workloads: WorkloadService,
    private readonly tenants: TenantService,
  ) {}

  /**
   * Creates the workload's next release of these values, overridden by each site's own, and renders it for all sites. Any fault: 422, and nothing is
   * stored. Runs in the caller's transaction.
   */
  async make(
    workload: { id: string; name: string; latestRelease: number },
    revision: Revision,
    layers: readonly Layer[],
    sites: readonly Site[],
    reason: string | null,
  ): Promise<{ release: { id: string; number: number }; renderings: Map<string, StoredRendering> }> {
    const podSecurity = await this.tenants.podSecurity();
    const renderings = sites.map((site) =>
      storedRendering(site.id, renderedAt(workload, revision, site.namespace, layersAt(site, layers), podSecurity)),
    );
    const id = newId();
    const number = workload.latestRelease + 1;
    const release = {
      id,
      workload_id: workload.id,
      number,
      revision_id: revision.id,
      values: merged(layers),
      placements: sites.map((site) => ({ placementId: site.id, namespace: site.namespace, values: site.values })),
      reason,
      created_by: author(),
    };
    this.releases.create(release, renderings);
    return { release: { id, number }, renderings: byPlacement(renderings) };
  }

  /** A stored release's renderings for these sites. A missing site is rendered now, with the release's values overridden by its own, and added. */
  async renderingsOf(
    workload: { id: string; name: string },
    release: ReleaseRow,
    sites: readonly Site[],
  ): Promise<Map<string, Omit<StoredRendering, 'objects'>>> {
    const ids = sites.map((site) => site.id);
    const kept = byPlacement(await this.releases.renderings(release.id, ids));
    const missing = sites.filter((site) => !kept.has(site.id));
    if (missing.length === 0) return kept;
    const [revision, podSecurity] = await Promise.all([this.releases.revisionById(release.revision.id), this.tenants.podSecurity()]);
    const layers = [ofRelease(release.number, release.values as Values)];
    const added = missing.map((site) =>
      storedRendering(site.id, renderedAt(workload, revision, site.namespace, layersAt(site, layers), podSecurity)),
    );
    this.releases.store(release.id, added);
    return new Map([...kept, ...byPlacement(added)]);
  }

  /** Renders without storing. */
  async renderAt(
    workload: { id: string; name: string },
    revision: Revision,
    namespace: string,
    layers: readonly Layer[],
  ): Promise<Rendering> {
    return renderedAt(workload, revision, namespace, layers, await this.tenants.podSecurity());
  }

  async page(workloadReference: string, window: Window): Promise<Page<Release>> {
    const workload = await this.workloads.find(workloadReference);
    const rows = await this.releases.page(workload.id, window);
    return pageOf(rows, window.limit, (row) => row.id, releaseOf);
  }

  /** The releases of several workloads. */
  async pages(workloadIds: readonly string[], window: Window): Promise<Map<string, Page<Release>>> {
    const rows = await this.releases.pages(workloadIds, window);
    return new Map([...rows].map(([id, found]) => [id, pageOf(found, window.limit, (row) => row.id, releaseOf)]));
  }

  async find(workloadReference: string, number: string): Promise<Release> {
    const workload = await this.workloads.find(workloadReference);
    const release = /^[1-9]\d{0,8}$/.test(number) ? await this.releases.byNumber(workload.id, Number(number)) : null;
    if (!release) throw notFound('Release', `${number} of ${workload.name}`);
    return releaseOf(release);
  }

  async get(workloadReference: string, number: string): Promise<ReleaseDetail> {
    const release = await this.find(workloadReference, number);
    const objects = await this.objectsOf([release.id]);
    return { ...release, objects: objects.get(release.id) ?? [] };
  }

  /** The rendered objects of releases, per placement, for the API. */
  async objectsOf(releaseIds: readonly string[]): Promise<Map<string, ReleaseObjects[]>> {
    const stored = await this.releases.storedObjects(releaseIds);
    return new Map(
      [...stored].map(([id, list]) => [
        id,
        list.map(({ placementId, objects }) => ({ placement: placementId, objects: JSON.parse(objects) as Record<string, unknown>[] })),
      ]),
    );
  }
}

/** The rendering at a place; its faults as a 422. */
function renderedAt(
  workload: { id: string; name: string },
  revision: Revision,
  namespace: string,
  layers: readonly Layer[],
  podSecurity: PodSecurityLevel,
): Rendering {
  // The document is immutable and was validated when it was posted. The release's number is not rendered, so that equal bytes are stored once.
  const document = revision.document as TemplateDocument;
  const rendered = render({ workload, namespace, release: null, document, values: merged(layers), podSecurity });
  if ('faults' in rendered) throw invalid(...withOrigins(rendered.faults, layers));
  return rendered.rendering;
}

const layersAt = ({ cluster, namespace, values }: Site, layers: readonly Layer[]): Layer[] => [
  ...layers,
  ofPlacement(`${cluster}/${namespace}`, values),
];

const byPlacement = <T extends { placementId: string }>(list: readonly T[]): Map<string, T> =>
  new Map(list.map((each) => [each.placementId, each]));

const storedRendering = (placementId: string, rendering: Rendering): StoredRendering => ({
  placementId,
  digest: rendering.digest,
  templateDigest: rendering.templateDigest,
  replicas: rendering.replicas,
  strategy: { ...rendering.strategy },
  objects: canonicalJson(rendering.objects),
});
