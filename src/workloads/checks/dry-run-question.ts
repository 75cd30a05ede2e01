import type { Connections } from '../../clusters/connections.ts';
import type { Question } from '../../clusters/inquiries/question.ts';
import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesClient } from '../../clusters/kubernetes/types.ts';
import type { Database } from '../../platform/db/database.ts';
import type { Announce } from '../../platform/queue/announce.ts';
import type { Lease } from '../../runtime/lease.ts';
import { type CheckFinding, stateOf } from '../../templates/core/finding.ts';
import type { AskedCheck, RevisionCheckRepository } from '../../templates/revision-check.repository.ts';
import { faultsOfValues, findingsOf, ordered, secretNotes } from '../core/dry-run.ts';
import type { KubernetesObject } from '../core/objects.ts';
import type { Rendered } from '../core/places.ts';
import { render, resolveDocument } from '../core/render.ts';

/** Dry-runs a revision in a cluster, under a name that nothing else has, and stores what it found with the check. */
export class DryRunQuestion implements Question<'DRY_RUN'> {
  readonly kind = 'DRY_RUN';

  constructor(
    private readonly database: Database,
    private readonly checks: RevisionCheckRepository,
    private readonly connections: Connections,
    private readonly announce: Announce,
  ) {}

  async answer({ clusterId, input: { check } }: { clusterId: string; input: { check: string } }, lease: Lease): Promise<{ check: string }> {
    const asked = await this.checks.asked(check);
    if (!asked) return { check };
    const findings = ordered(await this.findings(check, asked, clusterId, lease));
    if (!lease.stillOurs()) return { check };
    await this.database.transaction(async () => {
      this.checks.settle(check, stateOf(findings), findings);
      this.database.afterCommit(() => this.announce.publish({ kind: 'revision', id: asked.revisionId }));
    });
    return { check };
  }

  private async findings(id: string, asked: AskedCheck, clusterId: string, lease: Lease): Promise<CheckFinding[]> {
    const rendered = renderedFor(id, asked);
    if ('faults' in rendered) return faultsOfValues(rendered.faults);
    try {
      const connection = await this.connections.openNewest(lease, clusterId);
      try {
        const each = await Promise.all(rendered.objects.map((object) => dryRun(connection.client, rendered, object)));
        return [...each.flat(), ...secretNotes(rendered)];
      } finally {
        connection.release();
      }
    } catch (error) {
      if (error instanceof KubernetesError) return [{ kind: 'CLUSTER', pointer: '', detail: `${error.message} ${error.advice}` }];
      throw error;
    }
  }
}

function renderedFor(id: string, { document, values, namespace, podSecurity }: AskedCheck) {
  const resolved = resolveDocument(document, values, podSecurity);
  if ('faults' in resolved) return resolved;
  const workload = { id, name: `slipway-check-${id.slice(-12)}` };
  const result = render({ workload, namespace, release: null, document, values, podSecurity });
  if ('faults' in result) return result;
  return { document, values: resolved.values, resolved: resolved.document, podSecurity, objects: result.rendering.objects };
}

async function dryRun(client: KubernetesClient, rendered: Rendered, object: KubernetesObject): Promise<CheckFinding[]> {
  try {
    await client.apply(object, { dryRun: true });
    return [];
  } catch (error) {
    if (error instanceof KubernetesError) return findingsOf(rendered, object, error);
    throw error;
  }
}
