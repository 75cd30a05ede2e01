/** Parts of the statements about rows of `work`, as `w`, that are held. */

/**
 * Whether a held row has been nudged: its `due_at` is the end of its lease, and an earlier one that has come is a nudge. Uses the current time, not the statement's or
 * the transaction's start (`now()`): one that waited for the row's lock may see a nudge that is newer than its start, and would take it for the end of the lease.
 */
export const HAS_NUDGE = 'w.due_at <= clock_timestamp()';

/** The rows that a condition names, locked in the order of their keys, so that two statements cannot deadlock. */
export const lockedRows = (condition: string, others: 'WAIT' | 'SKIP LOCKED'): string => `
  SELECT w.tenant_id, w.kind, w.id, ${HAS_NUDGE} AS nudged FROM work w
  WHERE ${condition} ORDER BY w.kind, w.id FOR UPDATE OF w ${others === 'WAIT' ? '' : others}`;

/** The row that is locked as `o`. */
export const THE_SAME = 'w.tenant_id = o.tenant_id AND w.kind = o.kind AND w.id = o.id';

/**
 * Releases rows: they are due at `dueAt` or, where they have been nudged, at once. A row that is not due again (`dueAt` null) is deleted.
 *
 * @returns for each row that stays, whether it is due
 */
export const releasing = ({ rows, dueAt }: { rows: string; dueAt: string }): string => `
  WITH o AS MATERIALIZED (${lockedRows(rows, 'WAIT')}),
  ended AS (DELETE FROM work w USING o WHERE ${THE_SAME} AND NOT o.nudged AND ${dueAt} IS NULL)
  UPDATE work w SET lease_owner = NULL, lease_until = NULL, due_at = CASE WHEN o.nudged THEN w.due_at ELSE greatest(${dueAt}, clock_timestamp()) END
  FROM o WHERE ${THE_SAME} AND (o.nudged OR ${dueAt} IS NOT NULL)
  RETURNING ${HAS_NUDGE} AS due`;
