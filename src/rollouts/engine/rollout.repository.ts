import { Injectable } from '@nestjs/common';
import { tenantId } from '../../common/context.ts';
import { Database } from '../../common/database.ts';
import { lockRollout } from '../locked-rollout.ts';
import type { LockedRollout } from '../locked-rollout.ts';
import type { Lease } from './lease.ts';
import type { RolloutDraft } from './rollout-draft.ts';
import { saveTargets, targetChange } from './rows.ts';
import { storable, storableJson } from './storable.ts';

/** The rows of a rollout that this worker decides about, within one transaction of the rollout's tenant. */
@Injectable()
export class HeldRolloutRepository {
  constructor(private readonly database: Database) {}

  /** Null where the lease is gone. */
  async load(lease: Lease): Promise<LockedRollout | null> {
    return lockRollout(this.database, lease.id, lease.token);
  }

  /** Gives the lease back and says when to look again. */
  release(id: string, lookAt: Date | null): void {
    this.database.send(RELEASE, [tenantId(), id, lookAt]);
  }

  /**
   * Saves everything that was decided in one statement, gives the lease back, and makes the placements due that are to be looked at.
   *
   * @returns false where a target is not as it was decided on; the caller rolls back
   */
  async save(draft: RolloutDraft, lookAt: Date | null, placementIds: readonly string[]): Promise<boolean> {
    const { rollout } = draft.rows;
    const waves = [...draft.changedWaves].map(({ id, phase }) => ({ id, phase, evidence: draft.evidence.get(id) ?? null }));
    const targets = [...draft.changedTargets].map((target) => targetChange(target.row));
    const [saved] = await this.database.query<{ targets: number }>(SAVE, [
      tenantId(),
      rollout.id,
      rollout.phase,
      rollout.pauseReason,
      draft.phaseReason && storable(draft.phaseReason),
      draft.failure && storableJson(draft.failure),
      draft.started,
      draft.settled !== null,
      lookAt,
      storableJson(waves),
      storableJson(targets),
      [...placementIds],
    ]);
    return saved?.targets === targets.length;
  }

  /** What a success means to the workload and its release, by kind of rollout. */
  succeed(draft: RolloutDraft): void {
    const { rollout, workloadId, releaseId } = draft.rows;
    if (rollout.kind === 'DELETE') this.database.send(DELETED, [tenantId(), workloadId]);
    if (rollout.kind !== 'DEPLOY' && rollout.kind !== 'ROLLBACK') return;
    this.database.send(GOOD, [tenantId(), releaseId]);
    this.database.send(rollout.kind === 'DEPLOY' ? DEPLOYED : GONE_BACK, [tenantId(), workloadId, rollout.id]);
  }
}

const RELEASE = `
  UPDATE rollouts SET due_at = $3::timestamptz, lease_owner = NULL, lease_until = NULL WHERE tenant_id = $1::uuid AND id = $2::uuid`;

/** The rollout's row is locked already; targets come before placements, as everywhere. */
const SAVE = `
  WITH rollout AS (
    UPDATE rollouts SET phase = $3::"RolloutPhase", pause_reason = $4::"PauseReason", phase_reason = $5, failure = $6::jsonb,
      started_at = CASE WHEN $7::boolean THEN now() ELSE started_at END, settled_at = CASE WHEN $8::boolean THEN now() ELSE settled_at END,
      due_at = CASE WHEN $8::boolean THEN NULL ELSE $9::timestamptz END, lease_owner = NULL, lease_until = NULL, updated_at = now()
    WHERE tenant_id = $1::uuid AND id = $2::uuid
  ), wave AS (
    UPDATE waves v SET phase = n.phase::"WavePhase", evidence = coalesce(n.evidence, v.evidence)
    FROM jsonb_to_recordset($10::jsonb) AS n(id uuid, phase text, evidence jsonb) WHERE v.tenant_id = $1::uuid AND v.id = n.id
  ), saved AS (${saveTargets('$1', '$11')}
  ), due AS (
    SELECT id FROM placements WHERE tenant_id = $1::uuid AND id = ANY($12::uuid[]) AND (SELECT count(*) FROM saved) >= 0 ORDER BY id FOR NO KEY UPDATE
  ), woken AS (
    UPDATE placements p SET due_at = now() FROM due WHERE p.tenant_id = $1::uuid AND p.id = due.id
  )
  SELECT (SELECT count(*) FROM saved)::int AS targets`;

const GOOD = 'UPDATE releases SET good_at = coalesce(good_at, now()) WHERE tenant_id = $1::uuid AND id = $2::uuid';

/** The values that the request merged over the workload's become the workload's; a revision that an earlier rollback had pinned is no longer the default. The version counts values alone: what runs is not a client's to write. */
const DEPLOYED = `
  UPDATE workloads w SET "values" = w."values" || r."values", current_release_id = r.release_id, pinned_revision = NULL, pinned_at_latest = NULL,
    version = w.version + CASE WHEN w."values" @> r."values" THEN 0 ELSE 1 END, updated_at = now()
  FROM rollouts r WHERE w.tenant_id = $1::uuid AND w.id = $2::uuid AND r.tenant_id = w.tenant_id AND r.id = $3::uuid`;

/** The release's revision and values become the workload's; the revision stays the default until the template has a newer one than now. */
const GONE_BACK = `
  UPDATE workloads w SET "values" = l."values", current_release_id = l.id, pinned_revision = v.number, pinned_at_latest = t.latest_revision,
    version = w.version + CASE WHEN w."values" = l."values" THEN 0 ELSE 1 END, updated_at = now()
  FROM rollouts r
  JOIN releases l ON l.tenant_id = r.tenant_id AND l.id = r.release_id
  JOIN revisions v ON v.tenant_id = l.tenant_id AND v.id = l.revision_id
  JOIN templates t ON t.tenant_id = v.tenant_id AND t.id = v.template_id
  WHERE w.tenant_id = $1::uuid AND w.id = $2::uuid AND r.tenant_id = w.tenant_id AND r.id = $3::uuid`;

const DELETED =
  'UPDATE workloads SET deleted_at = now(), version = version + 1, updated_at = now() WHERE tenant_id = $1::uuid AND id = $2::uuid';
