-- Who may touch what. The application never connects as the owner of the tables: its login takes on one of two roles.
--   slipway_app     sees and writes the rows of the one tenant that the transaction names in app.tenant_id; without one, nothing.
--   slipway_system  looks across tenants, but only at what finding work, keys and expired rows takes; it hands out (tenant, id).
-- Row-level security is forced, so the owner has a policy too: without it data migrations of an owner who is no superuser would see no row.

SET lock_timeout = '5s';

-- Roles belong to the server, not to the database: another database may have made them, at this very moment even.
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['slipway_app', 'slipway_system'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
      END;
    END IF;
  END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO slipway_app, slipway_system;

-- What the application may do with its tenant's rows. What is never changed or deleted is not granted: events, rendered objects, revisions.
GRANT SELECT, INSERT, UPDATE ON regions, tenants, event_heads, releases, rollouts TO slipway_app;
GRANT SELECT, INSERT ON events, rendered, revisions TO slipway_app;
GRANT SELECT, INSERT, UPDATE, DELETE
  ON api_keys, clusters, credentials, templates, workloads, placements, release_objects, waves, targets, idempotency_keys
  TO slipway_app;

-- One tenant's rows: what is read must be the tenant's, and so must what is written. The subselect is evaluated once a statement, which
-- lets the index be used; after a commit the setting reads '', not NULL. (Regions belong to no tenant.)
DO $$
DECLARE
  owned record;
BEGIN
  FOR owned IN
    SELECT * FROM (VALUES
      ('tenants', 'id'), ('api_keys', 'tenant_id'), ('clusters', 'tenant_id'), ('credentials', 'tenant_id'), ('templates', 'tenant_id'),
      ('revisions', 'tenant_id'), ('workloads', 'tenant_id'), ('placements', 'tenant_id'), ('releases', 'tenant_id'), ('rendered', 'tenant_id'),
      ('release_objects', 'tenant_id'), ('rollouts', 'tenant_id'), ('waves', 'tenant_id'), ('targets', 'tenant_id'),
      ('event_heads', 'tenant_id'), ('events', 'tenant_id'), ('idempotency_keys', 'tenant_id')
    ) AS list (name, tenant)
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned.name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned.name);
    EXECUTE format(
      $policy$CREATE POLICY own_tenant ON %1$I TO slipway_app
        USING (%2$I = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid))
        WITH CHECK (%2$I = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid))$policy$,
      owned.name, owned.tenant);
    EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', owned.name);
  END LOOP;
END
$$;

-- The system role, column by column.
GRANT SELECT (id, name) ON regions TO slipway_system;
GRANT SELECT (id, name, limits, version, created_at, updated_at) ON tenants TO slipway_system;
GRANT SELECT ON api_keys, event_heads TO slipway_system;
GRANT SELECT (id, tenant_id, workload_id, kind, phase, pause_reason, version, due_at, lease_owner, lease_token, lease_until) ON rollouts TO slipway_system;
GRANT SELECT (id, tenant_id, region_id, workload_id, cluster_id, due_at, lease_owner, lease_token, lease_until) ON placements TO slipway_system;
GRANT SELECT (id, tenant_id, region_id, due_at, lease_owner, lease_token, lease_until) ON clusters TO slipway_system;
GRANT UPDATE (due_at, lease_owner, lease_token, lease_until) ON rollouts, placements, clusters TO slipway_system;
GRANT SELECT (tenant_id, seq, time), DELETE ON events TO slipway_system;
GRANT SELECT (tenant_id, created_at), DELETE ON idempotency_keys TO slipway_system;

CREATE POLICY system_reads ON tenants FOR SELECT TO slipway_system USING (true);
CREATE POLICY system_reads ON api_keys FOR SELECT TO slipway_system USING (true);
CREATE POLICY system_reads ON event_heads FOR SELECT TO slipway_system USING (true);
CREATE POLICY system_reads ON rollouts FOR SELECT TO slipway_system USING (true);
CREATE POLICY system_reads ON placements FOR SELECT TO slipway_system USING (true);
CREATE POLICY system_reads ON clusters FOR SELECT TO slipway_system USING (true);
CREATE POLICY system_leases ON rollouts FOR UPDATE TO slipway_system USING (true) WITH CHECK (true);
CREATE POLICY system_leases ON placements FOR UPDATE TO slipway_system USING (true) WITH CHECK (true);
CREATE POLICY system_leases ON clusters FOR UPDATE TO slipway_system USING (true) WITH CHECK (true);

-- What is expired may be found and deleted, and nothing younger: events after 30 days, idempotency keys after 24 hours.
CREATE POLICY system_finds_expired ON events FOR SELECT TO slipway_system USING (time < now() - interval '30 days');
CREATE POLICY system_deletes_expired ON events FOR DELETE TO slipway_system USING (time < now() - interval '30 days');
CREATE POLICY system_finds_expired ON idempotency_keys FOR SELECT TO slipway_system USING (created_at < now() - interval '24 hours');
CREATE POLICY system_deletes_expired ON idempotency_keys FOR DELETE TO slipway_system USING (created_at < now() - interval '24 hours');

-- A deleted workload's name is free again.
CREATE UNIQUE INDEX workloads_name_alive ON workloads (tenant_id, name) WHERE deleted_at IS NULL;

-- One rollout at a time changes a workload's template; a change of scale runs beside it.
CREATE UNIQUE INDEX rollouts_one_active ON rollouts (tenant_id, workload_id)
  WHERE phase IN ('QUEUED', 'RUNNING', 'PAUSED', 'ROLLING_BACK') AND kind <> 'SCALE';

-- What is due, found a second at a time: only rows that wait for somebody are in these.
CREATE INDEX placements_due ON placements (region_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX clusters_due ON clusters (region_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX rollouts_due ON rollouts (due_at) WHERE due_at IS NOT NULL;
