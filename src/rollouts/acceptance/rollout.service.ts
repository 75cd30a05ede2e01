import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/db/database.ts';
import { checkVersion } from '../../platform/api/etag.ts';
import type { ExpectedVersions } from '../../platform/api/etag.ts';
import { invalid, notFound, Problem } from '../../platform/problem.ts';
import { ofRequest, ofWorkload } from '../../workloads/core/layers.ts';
import type { Values } from '../../workloads/core/layers.ts';
import { ReleaseRepository } from '../../workloads/release.repository.ts';
import type { ReleaseRow } from '../../workloads/release.repository.ts';
import { ReleaseService } from '../../workloads/release.service.ts';
import type { PlacementRow, WorkloadRow } from '../../workloads/workload.repository.ts';
import { WorkloadService } from '../../workloads/workload.service.ts';
import { Acceptance } from './acceptance.ts';
import type { MakeWay } from './acceptance.ts';
import type { RolloutKind } from '../../generated/prisma/enums.ts';
import { tables } from '../store/columns.ts';
import { chosenStrategy, defaultRevision } from '../core/defaults.ts';
import { waysBack } from '../core/history.ts';
import { kinds } from '../core/kinds.ts';
import { UNIDENTIFIED } from '../core/observation.ts';
import type { Side } from '../core/observation.ts';
import { aimsOf, appliedOf, orderOf, restartedDigest, siteOf, strategyOf } from './order.ts';
import type { Aim, Options } from './order.ts';
import type { CreateRollout, RestartInput, RollbackInput, ScaleInput } from './request.model.ts';
import { RolloutRepository } from '../store/rollout.repository.ts';
import type { RolloutRow } from '../store/rollout.repository.ts';

/** What makes rollouts. Each runs in one transaction that holds the workload's row, so that of two requests one sees the other. */
@Injectable()
export class RolloutService {
  constructor(
    private readonly database: Database,
    private readonly workloads: WorkloadService,
    private readonly releases: ReleaseService,
    private readonly kept: ReleaseRepository,
    private readonly rollouts: RolloutRepository,
    private readonly acceptance: Acceptance,
  ) {}

  /** A new release to every placement. */
  async create(reference: string, { concurrency, revision: number, strategy: wish, ...options }: CreateRollout): Promise<string> {
    return this.database.transaction(async () => {
      const { workload: cleared, superseded } = await this.cleared(await this.workloads.lock(reference), concurrency ?? 'REJECT', 'DEPLOY');
      const workload = await this.workloads.placed(cleared);
      const [revision, { wanted, unwanted }] = await Promise.all([this.revisionOf(workload, number), this.placesOf(workload)]);
      const layers = [ofWorkload(workload.values as Values), ofRequest(options.values ?? {})];
      const { release, renderings } = await this.releases.make(workload, revision, layers, wanted.map(siteOf), options.reason ?? null);
      const aims = [...aimsOf(wanted, release, renderings), ...unwanted];
      const chosen = chosenStrategy(strategyOf(aims), wish);
      if ('faults' in chosen) throw invalid(...chosen.faults);
      return this.acceptance.accept(orderOf('DEPLOY', workload, release, aims, { ...options, ...chosen }), superseded);
    });
  }

  /** Back to a good release, whatever is active. */
  async rollback(reference: string, { toRelease, reason }: RollbackInput): Promise<string> {
    return this.database.transaction(async () => {
      const { workload, superseded } = await this.cleared(await this.workloads.lock(reference), 'SUPERSEDE', 'ROLLBACK');
      const release = await (toRelease === undefined ? this.previousRelease(workload, superseded) : this.goodRelease(workload, toRelease));
      return this.to('ROLLBACK', workload, release, { reason }, superseded);
    });
  }

  /** New pods of what runs already. */
  async restart(reference: string, { concurrency, ...options }: RestartInput): Promise<string> {
    return this.database.transaction(async () => {
      const { workload, superseded } = await this.cleared(await this.workloads.lock(reference), concurrency ?? 'REJECT', 'RESTART');
      return this.restarted(workload, options, superseded);
    });
  }

  /** Another number of pods; runs beside whatever is active, which takes the number for its own. */
  async scale(reference: string, { replicas, cluster, reason }: ScaleInput): Promise<string> {
    return this.database.transaction(async () => {
      const workload = await this.workloads.lock(reference);
      const placements = this.workloads.placementsOn(workload, cluster);
      const scaled = placements.map((placement) => ({ ...placement, replicas }));
      return this.scaled(workload, scaled, { reason });
    });
  }

  /** Takes the workload away; `objects` ORPHAN leaves what runs in the clusters. A repeated request while it runs returns the same rollout. */
  async remove(reference: string, objects: 'DELETE' | 'ORPHAN', expected: ExpectedVersions): Promise<string> {
    return this.database.transaction(async () => {
      const locked = await this.workloads.lock(reference);
      checkVersion(locked.version, expected);
      const removing = objects === 'DELETE' ? await this.rollouts.activeRemoval(locked.id) : null;
      if (removing) return removing;
      if (objects === 'ORPHAN') await this.checkNothingHalfWay(locked);
      const { workload, superseded } = await this.cleared(locked, 'SUPERSEDE', 'DELETE');
      await this.acceptance.endBeside(workload, 'DELETE');
      return this.removed(workload, {}, superseded, objects);
    });
  }

  /** A new rollout of the same, after one that went back, failed or never started. */
  async retry(id: string, takeOver: boolean): Promise<string> {
    return this.database.transaction(async () => {
      const settled = await this.rollouts.find(id);
      if (!settled) throw notFound('Rollout', id);
      const locked = await this.workloads.lockIfThere(settled.workload.id);
      if (!locked) throw new Problem('WRONG_PHASE', `${settled.workload.name} has been removed: there is nothing to retry.`);
      const { kind, onFailure, onUnreachable } = settled;
      const waves = (await this.rollouts.waves([id])).get(id);
      const options = { onFailure, onUnreachable, waves, retryOfId: id, takeOver: takeOver || settled.takeOver };
      if (kinds[kind].place === 'ALONE') await this.acceptance.makeWay(locked, null, kind);
      switch (kinds[kind].retry) {
        case 'RELEASE': {
          const release = await this.kept.byId(settled.release!.id);
          const values = settled.values as Record<string, unknown>;
          return this.to(
            kind,
            locked,
            release,
            { ...options, strategy: tables.read('rollouts', 'strategy', settled.strategy), values },
            null,
          );
        }
        case 'RESTART':
          return this.restarted(locked, options, null);
        case 'NUMBER':
          return this.scaled(locked, await this.numbersOf(id, locked), options);
        case 'REMOVAL':
          // A removal that left everything running had no targets, and neither has its retry.
          return this.removed(locked, options, null, (await this.rollouts.numbers(id)).size === 0 ? 'ORPHAN' : 'DELETE');
      }
    });
  }

  /** The workload's placements with the numbers of pods that a rollout brought them to. */
  private async numbersOf(rolloutId: string, { placements }: WorkloadRow): Promise<PlacementRow[]> {
    const before = await this.rollouts.numbers(rolloutId);
    const concerned = placements.filter((placement) => placement.wanted && before.has(placement.id));
    return concerned.map((placement) => ({ ...placement, replicas: before.get(placement.id) ?? null }));
  }

  /** Supersedes or refuses, then returns the locked workload. It is reloaded if a rollout was superseded, because that may have changed placements until it was locked. */
  private async cleared(
    locked: WorkloadRow,
    way: MakeWay,
    by: RolloutKind,
  ): Promise<{ workload: WorkloadRow; superseded: RolloutRow | null }> {
    const superseded = await this.acceptance.makeWay(locked, way, by);
    return { workload: superseded ? await this.workloads.find(locked.id) : locked, superseded };
  }

  /** Refuses to orphan Deployments that are held or half-way through a change: nobody would finish it. */
  private async checkNothingHalfWay(workload: WorkloadRow): Promise<void> {
    const active = await this.rollouts.lockActive(workload.id);
    if ((await this.rollouts.writtenBy(active)).size === 0) return;
    const detail = `Rollout ${active?.id} of ${workload.name} is changing clusters, and what it has begun would be left as it is. Wait for it or abort it, then remove the workload.`;
    throw new Problem('ROLLOUT_ACTIVE', detail);
  }

  /** To a release that is kept: its bytes as they are; it makes no release. */
  private async to(
    kind: RolloutKind,
    locked: WorkloadRow,
    release: ReleaseRow,
    options: Options,
    superseded: RolloutRow | null,
  ): Promise<string> {
    const workload = await this.workloads.placed(locked);
    const { wanted, unwanted } = await this.placesOf(workload);
    const renderings = await this.releases.renderingsOf(workload, release, wanted.map(siteOf));
    const aims = [...aimsOf(wanted, release, renderings), ...unwanted];
    return this.acceptance.accept(orderOf(kind, workload, release, aims, options), superseded);
  }

  /** What ran before a superseded rollout is what is restarted; what that one made for the first time goes. */
  private async restarted(workload: WorkloadRow, options: Options, superseded: RolloutRow | null): Promise<string> {
    const abandoned = await this.rollouts.writtenBy(superseded);
    const sideAt = (placement: PlacementRow): Side | null => {
      const target = abandoned.get(placement.id);
      return target ? target.from : appliedOf(placement);
    };
    // Where it is not wanted any more, what the superseded rollout has begun is taken away.
    const concerned = workload.placements.filter((one) => abandoned.has(one.id) || (one.wanted && one.applied !== null));
    const sides = concerned.map((placement) => ({ placement, side: placement.wanted ? sideAt(placement) : null }));
    if (sides.every(({ side }) => side === null))
      throw invalid({ parameter: 'workload', detail: `nothing of ${workload.name} runs yet: roll it out first` });
    const restartedAt = (await this.database.now()).toISOString();
    const bytes = await this.kept.objects([...new Set(sides.flatMap(({ side }) => side?.digest ?? []))]);
    const aims = sides.map(({ placement, side }) => {
      const to = side && { ...side, ...UNIDENTIFIED, restartedAt, templateDigest: restartedDigest(bytes.get(side.digest)!, restartedAt) };
      return { placement, to };
    });
    const release = workload.currentRelease ? await this.kept.byId(workload.currentRelease.id) : null;
    return this.acceptance.accept(orderOf('RESTART', workload, release, aims, options), superseded);
  }

  /** Scales existing Deployments to the numbers that `concerned` has. Where the first one is about to be created, its rollout uses the new number. */
  private async scaled(workload: WorkloadRow, concerned: readonly PlacementRow[], options: Options): Promise<string> {
    this.acceptance.rescale(concerned);
    await this.workloads.setReplicas(workload, concerned);
    const made = await this.rollouts.madePlacements(workload.id);
    const standing = concerned.filter((placement) => placement.applied !== null || made.get(placement.id) === true);
    if (standing.length === 0 && !concerned.some((placement) => made.has(placement.id))) {
      throw invalid({ parameter: 'workload', detail: `nothing of ${workload.name} runs there yet: roll it out first` });
    }
    const aims = standing.map((placement) => ({ placement, to: null }));
    const base = standing.map(appliedOf).find((side) => side !== null)?.strategy;
    return this.acceptance.accept(orderOf('SCALE', workload, null, aims, options, base), null);
  }

  private async removed(
    workload: WorkloadRow,
    options: Options,
    superseded: RolloutRow | null,
    objects: 'DELETE' | 'ORPHAN',
  ): Promise<string> {
    const occupied = objects === 'ORPHAN' ? new Set() : await this.rollouts.occupiedPlacements(workload.id);
    const aims = workload.placements.filter((placement) => occupied.has(placement.id)).map((placement) => ({ placement, to: null }));
    return this.acceptance.accept(orderOf('DELETE', workload, null, aims, options), superseded);
  }

  /** Where the workload is to run, and from where it is to be taken away. */
  private async placesOf(workload: WorkloadRow): Promise<{ wanted: PlacementRow[]; unwanted: Aim[] }> {
    const occupied = await this.rollouts.occupiedPlacements(workload.id);
    const wanted = workload.placements.filter((placement) => placement.wanted);
    const unwanted = workload.placements.filter((placement) => !placement.wanted && occupied.has(placement.id));
    if (wanted.length + unwanted.length === 0)
      throw invalid({ parameter: 'workload', detail: `${workload.name} has no placements: add some by PATCH` });
    return { wanted, unwanted: unwanted.map((placement) => ({ placement, to: null })) };
  }

  private async revisionOf(workload: WorkloadRow, asked: number | undefined) {
    const number = asked ?? defaultRevision(workload.template.latestRevision, workload.pinnedRevision, workload.pinnedAtLatest);
    const revision = number === null ? null : await this.kept.revision(workload.templateId, number);
    if (revision) return revision;
    const detail =
      number === null
        ? `template ${workload.template.name} has no revision yet`
        : `template ${workload.template.name} has no revision ${number}`;
    throw invalid({ pointer: '/revision', detail });
  }

  private async goodRelease(workload: WorkloadRow, asked: number): Promise<ReleaseRow> {
    const release = await this.kept.byNumber(workload.id, asked);
    if (!release) throw invalid({ pointer: '/toRelease', detail: `${workload.name} has no release ${asked}` });
    if (release.goodAt === null) {
      const detail = `release ${asked} has not run on every placement with all pods Ready: it is not one to go back to`;
      throw invalid({ pointer: '/toRelease', detail });
    }
    return release;
  }

  /** What ran before, as far as it is good. */
  private async previousRelease(workload: WorkloadRow, superseded: RolloutRow | null): Promise<ReleaseRow> {
    const numbers = waysBack(await this.rollouts.history(workload.id), superseded !== null);
    const good = await this.kept.goodOf(workload.id, numbers);
    const release = numbers.flatMap((number) => good.find((one) => one.number === number) ?? [])[0];
    if (release) return release;
    throw invalid({ pointer: '/toRelease', detail: `${workload.name} has no good release to go back to` });
  }
}
