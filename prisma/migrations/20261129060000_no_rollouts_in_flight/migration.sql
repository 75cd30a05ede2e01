SET lock_timeout = '5s';

-- What a rollout in flight remembers of its targets has another form in this version, which cannot carry it on. This comes before every
-- other migration of the version, so that a refusal changes nothing and the version before can finish what is in flight.
DO $$
DECLARE
  shown CONSTANT int := 10;
  total int;
  named text;
BEGIN
  SELECT count(*), string_agg(line, E'\n' ORDER BY position) FILTER (WHERE position <= shown) INTO total, named
  FROM (
    SELECT format('  workload %s of tenant %s: rollout %s, %s', w.name, t.name, r.id, r.phase) AS line,
           row_number() OVER (ORDER BY t.name, w.name, r.id) AS position
    FROM rollouts r
    JOIN workloads w ON w.tenant_id = r.tenant_id AND w.id = r.workload_id
    JOIN tenants t ON t.id = r.tenant_id
    WHERE r.phase IN ('QUEUED', 'RUNNING', 'PAUSED', 'ROLLING_BACK')
  ) AS in_flight;
  IF total > 0 THEN
    RAISE EXCEPTION USING
      MESSAGE = format('The database cannot be upgraded while rollouts are in flight: %s', total) || E'\n' || named
        || CASE WHEN total > shown THEN format(E'\n  and %s more', total - shown) ELSE '' END,
      HINT = 'Finish or abort them with the version before, stop that version, then upgrade. Nothing was changed.';
  END IF;
END
$$;
