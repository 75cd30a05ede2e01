import { Injectable } from '@nestjs/common';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { Announce } from '../../platform/queue/announce.ts';
import { canonical, isId } from '../../platform/id.ts';
import { notFound } from '../../platform/problem.ts';
import { pageOf } from '../../platform/api/page.ts';
import type { Page, Window } from '../../platform/api/page.ts';
import { Waits } from '../../platform/api/prefer-wait.ts';
import { Resources } from '../../platform/api/resources.ts';
import { isSettled } from '../core/phases.ts';
import type { Rollout, RolloutDetail, Wave } from './rollout.model.ts';
import { RolloutRepository } from '../store/rollout.repository.ts';
import type { RolloutFilter, RolloutRow } from '../store/rollout.repository.ts';
import { rolloutOf, targetOf, waveOf } from './views.ts';
import type { Target } from './target.model.ts';

/** Number of targets shown with a rollout; the list of targets is paged. */
const SHOWN_TARGETS = 200;

/** Reads rollouts for the API. */
@Injectable()
export class RolloutReader implements OnModuleInit, OnApplicationShutdown {
  private stopListening: (() => void) | null = null;

  constructor(
    private readonly rollouts: RolloutRepository,
    private readonly announce: Announce,
    private readonly waits: Waits,
    resources: Resources,
  ) {
    resources.add('rollout', (id) => this.get(id));
    waits.add('rollout', {
      settled: (ids) => this.rollouts.restingOf(ids),
      isTerminal: (rollout) => isSettled((rollout as Rollout).phase),
    });
  }

  onModuleInit(): void {
    this.stopListening = this.announce.subscribe((message) => {
      if (message.kind === 'rollout') this.waits.look('rollout', message.id);
    });
  }

  onApplicationShutdown(): void {
    this.stopListening?.();
  }

  async find(id: string): Promise<RolloutRow> {
    const row = await this.rollouts.find(id);
    if (!row) throw notFound('Rollout', id);
    return row;
  }

  async get(reference: string): Promise<RolloutDetail> {
    if (!isId(reference)) throw notFound('Rollout', reference);
    const id = canonical(reference);
    const [row, counts, waves, targets] = await Promise.all([
      this.find(id),
      this.rollouts.targetCounts([id]),
      this.wavesOf([id]),
      this.targetsOf([id]),
    ]);
    return { ...rolloutOf(row, counts.get(id)!), waves: waves.get(id)!, targets: targets.get(id)! };
  }

  async page(window: Window, filter: RolloutFilter): Promise<Page<Rollout>> {
    const rows = await this.rollouts.page(window, filter);
    const shown = new Map((await this.present(rows)).map((rollout) => [rollout.id, rollout]));
    return pageOf(
      rows,
      window.limit,
      (row) => row.id,
      (row) => shown.get(row.id)!,
    );
  }

  /** Rollouts for the API, without waves and targets. */
  async present(rows: readonly RolloutRow[]): Promise<Rollout[]> {
    const counts = await this.rollouts.targetCounts(rows.map((row) => row.id));
    return rows.map((row) => rolloutOf(row, counts.get(row.id)!));
  }

  /** Up to 200 targets of each rollout, failed first. */
  async targetsOf(rolloutIds: readonly string[]): Promise<Map<string, Target[]>> {
    const pages = await this.rollouts.firstTargets(rolloutIds, SHOWN_TARGETS);
    return new Map([...pages].map(([id, rows]) => [id, rows.map(targetOf)]));
  }

  async wavesOf(rolloutIds: readonly string[]): Promise<Map<string, Wave[]>> {
    const waves = await this.rollouts.waves(rolloutIds);
    return new Map([...waves].map(([id, rows]) => [id, rows.map(waveOf)]));
  }

  /** All targets by id: an order that does not change while the rollout moves. */
  async targetPage(id: string, window: Window): Promise<Page<Target>> {
    const row = await this.find(id);
    return pageOf(await this.rollouts.targetPage(row.id, window), window.limit, (target) => target.id, targetOf);
  }
}
