import { Injectable } from '@nestjs/common';
import { tenantId } from '../../common/context.ts';
import { Database } from '../../common/database.ts';
import { lockRollout } from '../locked-rollout.ts';
import type { LockedRollout } from '../locked-rollout.ts';
import type { Lease } from './lease.ts';
import type { RolloutDraft } from './rollout-draft.ts';
import { renumberTargets, saveTargets, targetChange } from './rows.ts';
import { storableJson } from './storable.ts';

/** Rows of a rollout whose lease this worker holds, accessed in one transaction of the rollout's tenant. */
@Injectable()
export class HeldRolloutRepository {
  constructor(private readonly database: Database) {}

  /** Null if the lease is lost. */
  async load(lease: Lease): Promise<LockedRollout | null> {
    return lockRollout(this.database, lease.id, lease.token);
  }

  /** Releases the lease and sets when the rollout is due again. */
  release(id: string, lookAt: Date | null): void {
    this.database.send(RELEASE, [tenantId(), id, lookAt]);
  }

  /**
   * Saves all decisions in one statement, releases the lease, and makes the affected placements due.
   *
   * @returns false if a target has changed since the decision; the caller rolls back
   */
  async save(draft: RolloutDraft, lookAt: Date | null, placementIds: readonly string[]): Promise<boolean> {
    const { rollout } = draft.rows;
    const waves = [...draft.changedWaves].map(({ id, phase }) => ({ id, phase, evidence: draft.evidence.get(id) ?? null }));
    const targets = [...draft.changedTargets].map((target) => targetChange(target));
    const [saved] = await this.database.query<{ targets: number }>(SAVE, [
      tenantId(),
      rollout.id,
      rollout.phase,
      rollout.pauseReason,
      draft.phaseDetail && storableJson(draft.phaseDetail),
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

  /** What other rollouts bring these placements to is this number of pods again: a change of scale that goes back must not be made once more by them. */
  keepNumbers(numbers: readonly { id: string; replicas: number }[]): void {
    this.database.send(KEEP_NUMBERS, [tenantId(), JSON.stringify(numbers)]);
  }

  /** Updates the workload and its release after a success, by kind of rollout. */
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

/** The rollout's row is locked already. Targets are locked before placements, as everywhere. */
const SAVE = `
  WITH rollout AS (
    UPDATE rollouts SET phase = $3::"RolloutPhase", pause_reason = $4::"PauseReason", phase_detail = $5::jsonb, failure = $6::jsonb,
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

const KEEP_NUMBERS = renumberTargets("r.kind <> 'SCALE'");

const GOOD = 'UPDATE releases SET good_at = coalesce(good_at, now()) WHERE tenant_id = $1::uuid AND id = $2::uuid';

/**
 * The request's merged values become the workload's, and the revision pinned by an earlier rollback is no longer the default. The version counts changed
 * values only, because clients cannot write the current release.
 */
const DEPLOYED = `
  UPDATE workloads w SET "values" = w."values" || r."values", current_release_id = r.release_id, pinned_revision = NULL, pinned_at_latest = NULL,
    version = w.version + CASE WHEN w."values" @> r."values" THEN 0 ELSE 1 END, updated_at = now()
  FROM rollouts r WHERE w.tenant_id = $1::uuid AND w.id = $2::uuid AND r.tenant_id = w.tenant_id AND r.id = $3::uuid`;

/**
 * The release's template, revision and values become the workload's. The revision stays the default until the template has a newer one than now. A deleted
 * template has no further revisions: the workload keeps its own then.
 */
const GONE_BACK = `
  UPDATE workloads w SET "values" = l."values", current_release_id = l.id,
    template_id = CASE WHEN t.deleted_at IS NULL THEN t.id ELSE w.template_id END,
    pinned_revision = CASE WHEN t.deleted_at IS NULL THEN v.number END,
    pinned_at_latest = CASE WHEN t.deleted_at IS NULL THEN t.latest_revision END,
    version = w.version + CASE WHEN w."values" = l."values" AND (w.template_id = t.id OR t.deleted_at IS NOT NULL) THEN 0 ELSE 1 END, updated_at = now()
  FROM rollouts r
  JOIN releases l ON l.tenant_id = r.tenant_id AND l.id = r.release_id
  JOIN revisions v ON v.tenant_id = l.tenant_id AND v.id = l.revision_id
  JOIN templates t ON t.tenant_id = v.tenant_id AND t.id = v.template_id
  WHERE w.tenant_id = $1::uuid AND w.id = $2::uuid AND r.tenant_id = w.tenant_id AND r.id = $3::uuid`;

const DELETED =
  'UPDATE workloads SET deleted_at = now(), version = version + 1, updated_at = now() WHERE tenant_id = $1::uuid AND id = $2::uuid';
