import { Injectable } from '@nestjs/common';
import { tenantId } from '../common/context.ts';
import { Database } from '../common/database.ts';
import { LostRace } from '../common/database-errors.ts';
import { isId } from '../common/id.ts';
import type { TargetChange } from './core/decision.ts';
import type { RolloutRows } from './core/observation.ts';
import { rolloutState, saveTargets, targetChange, targetRow, waveState } from './engine/rows.ts';
import type { PlaceNames, RolloutJson, TargetJson, TargetRow, WaveJson } from './engine/rows.ts';

interface Loaded {
  now: Date;
  rollout: RolloutJson;
  waves: WaveJson[] | null;
  targets: { target: TargetJson; names: PlaceNames }[] | null;
}

/** A rollout's rows as decided on, locked to the end of the transaction. */
export interface LockedRollout extends RolloutRows {
  workloadId: string;
  rows: TargetRow[];
}

const LOAD = `
  SELECT now() AS now, to_jsonb(r) AS rollout,
    (SELECT json_agg(to_jsonb(w) ORDER BY w.position) FROM waves w WHERE w.tenant_id = r.tenant_id AND w.rollout_id = r.id) AS waves,
    (SELECT json_agg(json_build_object('target', to_jsonb(t), 'names', json_build_object('cluster', c.name, 'region', g.name, 'namespace', p.namespace)))
     FROM targets t
     JOIN placements p ON p.tenant_id = t.tenant_id AND p.id = t.placement_id
     JOIN clusters c ON c.tenant_id = p.tenant_id AND c.id = p.cluster_id
     JOIN regions g ON g.id = p.region_id
     WHERE t.tenant_id = r.tenant_id AND t.rollout_id = r.id) AS targets
  FROM rollouts r WHERE r.tenant_id = $1::uuid AND r.id = $2::uuid`;

/** Rollouts as the decisions read them, for whoever speaks a verb. */
@Injectable()
export class VerbRepository {
  constructor(private readonly database: Database) {}

  async lock(id: string): Promise<LockedRollout | null> {
    if (!isId(id)) return null;
    // The workload first, as everybody does it.
    await this.database.rows.$queryRaw`
      SELECT 1 FROM workloads WHERE tenant_id = ${tenantId()}::uuid AND id = (
        SELECT workload_id FROM rollouts WHERE tenant_id = ${tenantId()}::uuid AND id = ${id}::uuid) FOR NO KEY UPDATE`;
    await this.database.rows.$queryRaw`SELECT 1 FROM rollouts WHERE tenant_id = ${tenantId()}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    const [row] = await this.database.rows.$queryRawUnsafe<Loaded[]>(LOAD, tenantId(), id);
    if (!row) return null;
    const rows = (row.targets ?? []).map(({ target, names }) => targetRow(target, names));
    return {
      now: row.now,
      workloadId: row.rollout.workload_id,
      rollout: rolloutState(row.rollout),
      waves: (row.waves ?? []).map(waveState),
      targets: rows.map((each) => each.state),
      rows,
    };
  }

  async promote(waveId: string, promotedStep: number): Promise<void> {
    await this.database.rows.wave.update({ where: { tenantId_id: { tenantId: tenantId(), id: waveId } }, data: { promotedStep } });
  }

  /** @throws LostRace where one of them has changed since it was read */
  async changeTargets({ rows }: LockedRollout, changes: readonly TargetChange[]): Promise<void> {
    if (changes.length === 0) return;
    const changed = changes.map(({ targetId, set }) => {
      const { state, version } = rows.find((row) => row.state.id === targetId)!;
      return targetChange({ state: { ...state, ...set }, version });
    });
    const saved = await this.database.rows.$queryRawUnsafe<unknown[]>(saveTargets('$1', '$2'), tenantId(), JSON.stringify(changed));
    if (saved.length < changes.length) throw new LostRace('a target has changed meanwhile');
  }
}
