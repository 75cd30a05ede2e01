import { Injectable } from '@nestjs/common';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { Announce } from '../common/announce.ts';
import { canonical, isId } from '../common/id.ts';
import { notFound } from '../common/problem.ts';
import { pageOf, sealCursor } from '../common/page.ts';
import type { Page, Window } from '../common/page.ts';
import { Waits } from '../common/prefer-wait.ts';
import { Resources } from '../common/resources.ts';
import { isSettled } from './core/phases.ts';
import type { Rollout, RolloutDetail, Wave } from './rollout.model.ts';
import { RolloutRepository } from './rollout.repository.ts';
import type { RolloutFilter, RolloutRow } from './rollout.repository.ts';
import { rolloutOf, targetOf, waveOf } from './rollout.rows.ts';
import type { Target } from './target.model.ts';

/** How many targets a rollout shows by itself; the rest are paged. */
const SHOWN_TARGETS = 200;

/** Is this the key of a cursor of targets? It counts them. */
export const isPlace = (key: string): boolean => /^\d{1,9}$/.test(key);

/** How rollouts are read. */
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

  /** Rollouts as they are shown, without waves and targets. */
  async present(rows: readonly RolloutRow[]): Promise<Rollout[]> {
    const counts = await this.rollouts.targetCounts(rows.map((row) => row.id));
    return rows.map((row) => rolloutOf(row, counts.get(row.id)!));
  }

  /** Up to 200 targets of each rollout, failed first. */
  async targetsOf(rolloutIds: readonly string[]): Promise<Map<string, Target[]>> {
    const pages = await this.rollouts.targetPage(rolloutIds, SHOWN_TARGETS);
    return new Map([...pages].map(([id, rows]) => [id, rows.map(targetOf)]));
  }

  async wavesOf(rolloutIds: readonly string[]): Promise<Map<string, Wave[]>> {
    const waves = await this.rollouts.waves(rolloutIds);
    return new Map([...waves].map(([id, rows]) => [id, rows.map(waveOf)]));
  }

  /** All targets, failed first. The cursor counts: the order changes while the rollout moves, and a page is read at its place. */
  async targetPage(id: string, limit: number, after: string | null): Promise<Page<Target>> {
    const row = await this.find(id);
    const skip = after === null ? 0 : Number(after);
    const rows = (await this.rollouts.targetPage([row.id], limit + 1, skip)).get(row.id)!;
    const items = rows.slice(0, limit).map(targetOf);
    return { items, nextCursor: rows.length > limit ? sealCursor(String(skip + limit)) : null };
  }
}
