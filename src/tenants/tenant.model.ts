import { z } from 'zod';
import { name, resource } from '../common/model/fields.ts';
import { Input, Model, Output } from '../common/model/model.ts';
import type { TenantRow } from './tenant.repository.ts';
import { limitsOf } from './limits.ts';

const count = (most: number, description: string) => z.int().min(0).max(most).describe(description);
const limit = (most: number, description: string) => z.int().min(1).max(most).describe(description);

const quotas = {
  clusters: count(100_000, 'Clusters that it may register.'),
  workloads: count(100_000, 'Workloads that it may have.'),
  concurrentTargets: limit(100_000, 'Targets that may move at the same time.'),
  requestsPerSecond: limit(100_000, 'Requests a second, per API process.'),
  requestBurst: limit(1_000_000, 'Requests at once, per API process.'),
};

@Output('What a tenant may have and do.')
export class Quotas extends Model(quotas) {}

@Input('What a tenant may have and do; what is left out stays.')
export class QuotasInput extends Model({
  clusters: quotas.clusters.optional(),
  workloads: quotas.workloads.optional(),
  concurrentTargets: quotas.concurrentTargets.optional(),
  requestsPerSecond: quotas.requestsPerSecond.optional(),
  requestBurst: quotas.requestBurst.optional(),
}) {}

@Output('Somebody whose workloads and clusters nobody else sees.')
export class Tenant extends Model({ ...resource, name, quotas: Quotas.schema }) {}

@Input('What a new tenant needs.')
export class CreateTenant extends Model({ name, quotas: QuotasInput.schema.optional() }) {}

@Input('What is to change; what is left out stays.')
export class UpdateTenant extends Model({ name: name.optional(), quotas: QuotasInput.schema.optional() }) {}

export const tenantOf = ({ id, name, limits, version, createdAt, updatedAt }: TenantRow): Tenant => ({
  id,
  name,
  quotas: limitsOf(limits),
  version,
  createdAt,
  updatedAt,
});
