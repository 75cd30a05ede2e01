import { randomBytes } from 'node:crypto';
import { makeAuthority } from '../clusters/kubernetes/server.ts';
import { expectStatus, makeRegion } from '../support/api.ts';
import type { TestApi, TestTenant } from '../support/api.ts';

export const template = { pod: { spec: { containers: [{ name: 'web', image: 'registry.example/web:1' }] } } };

/** A body that has the right shape for each model that a route or a mutation takes. References in it name nothing. */
export async function bodies(): Promise<Record<string, unknown>> {
  const connection = { server: 'https://127.0.0.1:6443', caData: (await makeAuthority()).pem, token: 'a-token-of-these-tests-0123456789' };
  return {
    CreateTenant: { name: 'sample' },
    UpdateTenant: { name: 'sample' },
    CreateRegion: { name: 'sample' },
    CreateApiKey: { name: 'sample', role: 'VIEWER' },
    RotateApiKey: {},
    CreateCluster: { name: 'sample', region: 'nowhere', ...connection },
    UpdateCluster: { labels: { a: 'b' } },
    ReplaceCredentials: connection,
    CreateTemplate: { name: 'sample' },
    UpdateTemplate: { description: 'sample' },
    CreateWorkload: { name: 'sample', template: 'nowhere' },
    UpdateWorkload: { values: { a: 1 } },
    RenderInput: {},
    CreateRollout: { concurrency: 'SUPERSEDE' },
    RollbackInput: {},
    RestartInput: {},
    ScaleInput: { replicas: 2 },
    PromoteInput: {},
    RetryInput: {},
  };
}

/** Of each kind of thing that a path can name, one that belongs to the tenant: its id, and its name where it has one. */
export interface Belongings {
  [parameter: string]: string[];
}

/** One of everything that a tenant can have, and how it is referred to. */
export async function furnish(api: TestApi, tenant: TestTenant, suffix: string): Promise<Belongings> {
  const sample = await bodies();
  const region = await makeRegion(api, `region-${suffix}`);
  const post = async (path: string, body: unknown, status = 201): Promise<{ id: string; name: string }> =>
    expectStatus(await tenant.rest<{ id: string; name: string }>('POST', path, body), status);
  const cluster = await post('/v1/clusters', { ...(sample['CreateCluster'] as object), name: `cluster-${suffix}`, region: region.name });
  const made = await post('/v1/templates', { name: `template-${suffix}` });
  await post(`/v1/templates/${made.id}/revisions`, template);
  const placements = [{ cluster: cluster.name, namespace: 'default' }];
  const workload = await post('/v1/workloads', { name: `workload-${suffix}`, template: made.name, placements });
  const rollout = await post(`/v1/workloads/${workload.id}/rollouts`, {}, 202);
  const key = await post('/v1/api-keys', { name: `key-${suffix}`, role: 'VIEWER' });
  return {
    cluster: [cluster.id, cluster.name],
    template: [made.id, made.name],
    workload: [workload.id, workload.name],
    rollout: [rollout.id],
    key: [key.id, key.name],
    number: ['1'],
    tenant: [tenant.id, tenant.name],
  };
}

/** A name that nothing has. */
export const nothing = (): string => `nothing-${randomBytes(4).toString('hex')}`;
