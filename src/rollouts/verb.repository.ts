import { Injectable } from '@nestjs/common';
import { tenantId } from '../common/context.ts';
import { Database } from '../common/database.ts';
import { LostRace } from '../common/database-errors.ts';
import { isId } from '../common/id.ts';
import type { TargetChange } from './core/decision.ts';
import { applyTarget } from './core/target/apply.ts';
import { saveTargets, targetChange } from './engine/rows.ts';
import { lockRollout } from './locked-rollout.ts';
import type { LockedRollout } from './locked-rollout.ts';

/** Rollouts for the decisions about verbs. */
@Injectable()
export class VerbRepository {
  constructor(private readonly database: Database) {}

  async lock(id: string): Promise<LockedRollout | null> {
    if (!isId(id)) return null;
    return lockRollout(this.database, id, null);
  }

  async promote(waveId: string, promotedStep: number): Promise<void> {
    await this.database.rows.wave.update({ where: { tenantId_id: { tenantId: tenantId(), id: waveId } }, data: { promotedStep } });
  }

  /** @throws LostRace if one of them has changed since it was read */
  async changeTargets({ targets, now }: LockedRollout, changes: readonly TargetChange[]): Promise<void> {
    if (changes.length === 0) return;
    const changed = changes.map(({ targetId, set }) => {
      const { state, version } = targets.find((target) => target.state.id === targetId)!;
      return targetChange({ state: applyTarget(state, set, now), version });
    });
    const saved = await this.database.query(saveTargets('$1', '$2'), [tenantId(), JSON.stringify(changed)]);
    if (saved.length < changes.length) throw new LostRace('a target has changed in the meantime');
  }
}
