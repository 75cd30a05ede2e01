import { Injectable } from '@nestjs/common';
import { Database } from '../common/database.ts';
import { checkVersion } from '../common/etag.ts';
import type { ExpectedVersions } from '../common/etag.ts';
import { invalid } from '../common/problem.ts';
import type { Strategy } from '../workloads/core/strategy.ts';
import type { KubernetesObject } from '../workloads/core/objects.ts';
import { templateDigestOf, withRestart } from '../workloads/core/restart.ts';
import { ReleaseRepository } from '../workloads/release.repository.ts';
import type { ReleaseRow, StoredRendering } from '../workloads/release.repository.ts';
import { ReleaseService } from '../workloads/release.service.ts';
import type { PlacementRow, WorkloadRow } from '../workloads/workload.repository.ts';
import { WorkloadService } from '../workloads/workload.service.ts';
import { Acceptance } from './acceptance.ts';
import type { Aim, Order } from './acceptance.ts';
import type { Side } from './core/observation.ts';
import { chosenStrategy, defaultRevision } from './core/defaults.ts';
import type { StrategyWish } from './core/defaults.ts';
import type { CreateRollout, RestartInput, RollbackInput, ScaleInput } from './rollout.model.ts';
import type { RolloutRow } from './rollout.repository.ts';

type Renderings = ReadonlyMap<string, Omit<StoredRendering, 'objects'>>;

/** What makes rollouts. Each runs in one transaction that holds the workload's row, so that of two requests one sees the other. */
@Injectable()
export class RolloutService {
  constructor(
    private readonly database: Database,
    private readonly workloads: WorkloadService,
    private readonly releases: ReleaseService,
    private readonly kept: ReleaseRepository,
    private readonly acceptance: Acceptance,
  ) {}

  /** A new release to every placement. */
  async create(reference: string, input: CreateRollout): Promise<string> {
    return this.database.transaction(async () => {
      const workload = await this.workloads.lock(reference);
      const superseded = await this.acceptance.makeWay(workload, input.concurrency ?? 'REJECT', 'another rollout was asked for');
      const revision = await this.revisionOf(workload, input.revision);
      const values = { ...(workload.values as Record<string, unknown>), ...input.values };
      const { wanted, unwanted } = placesOf(workload);
      const { release, renderings } = await this.releases.make(workload, revision, values, wanted.map(siteOf), input.reason ?? null);
      const aims = [...wanted.map((placement) => ({ placement, to: sideOf(release, renderings, placement, null) })), ...unwanted];
      const chosen = chosenStrategy(strategyOf(aims), input.strategy as StrategyWish | undefined);
      if ('faults' in chosen) throw invalid(...chosen.faults);
      return this.acceptance.accept({ ...this.order('DEPLOY', workload, release, aims, optionsOf(input)), strategy: chosen.strategy, values: input.values }, superseded);
    });
  }

  /** Back to a good release, whatever is active. */
  async rollback(reference: string, input: RollbackInput): Promise<string> {
    return this.database.transaction(async () => {
      const workload = await this.workloads.lock(reference);
      const superseded = await this.acceptance.makeWay(workload, 'SUPERSEDE', 'a rollback was asked for');
      const current = superseded?.release?.number ?? workload.currentRelease?.number ?? workload.latestRelease + 1;
      const release = await this.goodRelease(workload, current, input.toRelease);
      return this.to('ROLLBACK', workload, release, { onFailure: 'PAUSE', ...input }, superseded);
    });
  }

  /** The same release once more, after a rollout to it was undone, failed or never began. */
  async again(settled: RolloutRow): Promise<string> {
    return this.database.transaction(async () => {
      const workload = await this.workloads.lock(settled.workload.id);
      const superseded = await this.acceptance.makeWay(workload, 'REJECT', 'a retry was asked for');
      const options = { onFailure: settled.onFailure, onUnreachable: settled.onUnreachable, retryOfId: settled.id, waves: settled.waves };
      if (settled.kind === 'DELETE') return this.acceptance.accept(this.removal(workload, options), superseded);
      if (settled.kind === 'SCALE' || settled.kind === 'RESTART') throw invalid({ detail: `a ${settled.kind} rollout is not retried: ask for it again` });
      const release = await this.kept.byId(settled.release!.id);
      return this.to(settled.kind, workload, release, { ...options, strategy: settled.strategy as unknown as Strategy }, superseded);
    });
  }

  /** New pods of what runs already. */
  async restart(reference: string, input: RestartInput): Promise<string> {
    return this.database.transaction(async () => {
      const workload = await this.workloads.lock(reference);
      const superseded = await this.acceptance.makeWay(workload, input.concurrency ?? 'REJECT', 'a restart was asked for');
      const running = workload.placements.filter((placement) => placement.applied !== null);
      if (running.length === 0) throw invalid({ detail: `nothing of ${workload.name} runs yet: roll it out first` });
      const restartedAt = (await this.database.now()).toISOString();
      const bytes = await this.kept.objects([...new Set(running.map((placement) => appliedOf(placement).digest))]);
      const aims = running.map((placement) => {
        const applied = appliedOf(placement);
        return { placement, to: { ...applied, restartedAt, templateDigest: restartedDigest(bytes.get(applied.digest)!, restartedAt) } };
      });
      const release = workload.currentRelease ? await this.kept.byId(workload.currentRelease.id) : null;
      return this.acceptance.accept({ ...this.order('RESTART', workload, release, aims, input), strategy: rolling(strategyOf(aims)) }, superseded);
    });
  }

  /** Another number of pods; runs beside whatever is active. */
  async scale(reference: string, input: ScaleInput): Promise<string> {
    return this.database.transaction(async () => {
      const workload = await this.workloads.lock(reference);
      const concerned = await this.workloads.setReplicas(workload, input.replicas, input.cluster);
      const running = concerned.filter((placement) => placement.applied !== null);
      if (running.length === 0) throw invalid({ detail: `nothing of ${workload.name} runs there yet: roll it out first` });
      const aims = running.map((placement) => ({ placement, to: null }));
      const strategy = rolling(appliedOf(running[0]!).strategy);
      return this.acceptance.accept({ ...this.order('SCALE', workload, null, aims, { reason: input.reason, onFailure: 'PAUSE' }), strategy }, null);
    });
  }

  /** Takes the workload away; `objects` ORPHAN leaves what runs in the clusters. */
  async remove(reference: string, objects: 'DELETE' | 'ORPHAN', expected: ExpectedVersions): Promise<string> {
    return this.database.transaction(async () => {
      const workload = await this.workloads.lock(reference);
      checkVersion(workload.version, expected);
      const superseded = await this.acceptance.makeWay(workload, 'SUPERSEDE', 'the workload is to be removed');
      const order = this.removal(workload, { onFailure: 'PAUSE' });
      return this.acceptance.accept(objects === 'ORPHAN' ? { ...order, aims: [] } : order, superseded);
    });
  }

  private removal(workload: WorkloadRow, options: Options): Order {
    const aims = workload.placements.map((placement) => ({ placement, to: null }));
    return { ...this.order('DELETE', workload, null, aims, options), strategy: rolling(strategyOf([])) };
  }

  /** To a release that is kept: its bytes as they are; it makes no release. */
  private async to(kind: 'DEPLOY' | 'ROLLBACK', workload: WorkloadRow, release: ReleaseRow, options: Options, superseded: RolloutRow | null): Promise<string> {
    const { wanted, unwanted } = placesOf(workload);
    const renderings = await this.releases.renderingsOf(workload, release, wanted.map(siteOf));
    const aims = [...wanted.map((placement) => ({ placement, to: sideOf(release, renderings, placement, null) })), ...unwanted];
    const strategy = kind === 'ROLLBACK' ? rolling(strategyOf(aims)) : (options.strategy ?? strategyOf(aims));
    return this.acceptance.accept({ ...this.order(kind, workload, release, aims, options), strategy }, superseded);
  }

  private order(kind: Order['kind'], workload: WorkloadRow, release: ReleaseRow | null, aims: readonly Aim[], options: Options): Omit<Order, 'strategy'> {
    const wave = options.waves?.[0];
    return {
      kind,
      workload,
      release,
      aims,
      reason: options.reason ?? null,
      retryOfId: options.retryOfId,
      onFailure: options.onFailure ?? 'ROLLBACK_ALL',
      onUnreachable: options.onUnreachable ?? 'WAIT',
      wave: { name: wave?.name ?? 'all', maxConcurrent: wave?.maxConcurrent ?? null, maxFailed: wave?.maxFailed ?? 0 },
    };
  }

  private async revisionOf(workload: WorkloadRow, asked: number | undefined) {
    const number = asked ?? defaultRevision(await this.workloads.latestRevision(workload), workload.pinnedRevision, workload.pinnedAtLatest);
    const revision = number === null ? null : await this.kept.revision(workload.templateId, number);
    if (revision) return revision;
    const detail = number === null ? `template ${workload.template.name} has no revision yet` : `template ${workload.template.name} has no revision ${number}`;
    throw invalid({ pointer: '/revision', detail });
  }

  private async goodRelease(workload: WorkloadRow, current: number, asked: number | undefined): Promise<ReleaseRow> {
    const release = asked === undefined ? await this.kept.newestGoodBefore(workload.id, current) : await this.kept.byNumber(workload.id, asked);
    if (!release) {
      const detail = asked === undefined ? `${workload.name} has no good release before ${current}` : `${workload.name} has no release ${asked}`;
      throw invalid({ pointer: '/toRelease', detail });
    }
    if (release.goodAt === null) throw invalid({ pointer: '/toRelease', detail: `release ${release.number} never succeeded: it is not one to go back to` });
    return release;
  }
}

const optionsOf = ({ onFailure, onUnreachable, reason, waves }: CreateRollout): Options => ({ onFailure, onUnreachable, reason, waves });

interface Options {
  reason?: string;
  retryOfId?: string;
  strategy?: Strategy;
  onFailure?: Order['onFailure'];
  onUnreachable?: Order['onUnreachable'];
  waves?: readonly { name?: string | undefined; maxConcurrent?: number | null | undefined; maxFailed?: number | undefined }[] | undefined;
}

/** Where the workload is to run, and from where it is to be taken away. */
function placesOf(workload: WorkloadRow): { wanted: PlacementRow[]; unwanted: Aim[] } {
  const wanted = workload.placements.filter((placement) => placement.wanted);
  const unwanted = workload.placements.filter((placement) => !placement.wanted).map((placement) => ({ placement, to: null }));
  if (wanted.length + unwanted.length === 0) throw invalid({ detail: `${workload.name} has no placements: add some by PATCH` });
  return { wanted, unwanted };
}

const siteOf = (placement: PlacementRow) => ({ id: placement.id, namespace: placement.namespace, values: placement.values as never });

const appliedOf = (placement: PlacementRow): Side => placement.applied as unknown as Side;

function sideOf(release: ReleaseRow, renderings: Renderings, placement: PlacementRow, restartedAt: string | null): Side {
  const { digest, templateDigest, strategy } = renderings.get(placement.id)!;
  return { releaseId: release.id, release: release.number, digest, templateDigest, restartedAt, strategy: strategy as unknown as Strategy };
}

const NATIVE: Strategy = { type: 'ROLLING', maxSurge: '25%', maxUnavailable: 0, steps: [], minReadySeconds: 0, progressDeadlineSeconds: 600 };

/** Digest of the pod template with the restart written into it. */
const restartedDigest = (objects: string, restartedAt: string): string => templateDigestOf(withRestart(JSON.parse(objects) as KubernetesObject[], restartedAt))!;

/** The strategy that the rollout shows: that of its first target, they differ only where values do. */
const strategyOf = (aims: readonly Aim[]): Strategy => aims.find((aim) => aim.to !== null)?.to?.strategy ?? NATIVE;

const rolling = (strategy: Strategy): Strategy => ({ ...strategy, type: 'ROLLING', steps: [] });
