import { z } from 'zod';
import { PodSecurityLevel } from '../generated/prisma/enums.ts';
import { Enum, name, resource } from '../platform/model/fields.ts';
import { Input, Model, Output } from '../platform/model/model.ts';
import type { TenantRow } from './tenant.repository.ts';
import { limitsOf } from './limits.ts';

const count = (most: number, description: string) => z.int().min(0).max(most).describe(description);
const limit = (most: number, description: string) => z.int().min(1).max(most).describe(description);

const quotas = {
  clusters: count(100_000, 'Maximum number of registered clusters.'),
  workloads: count(100_000, 'Maximum number of workloads.'),
  concurrentTargets: limit(100_000, 'Maximum number of targets that move at the same time.'),
  requestsPerSecond: limit(100_000, 'Requests per second, per API process.'),
  requestBurst: limit(1_000_000, 'Requests at once, per API process.'),
};

export const PodSecurity = Enum(
  'PodSecurityLevel',
  PodSecurityLevel,
  "What pods of a tenant's templates may do: a level of Kubernetes' Pod Security Standards.",
);
export const DEFAULT_POD_SECURITY = PodSecurityLevel.BASELINE;
const podSecurity = PodSecurity.describe('Templates and renderings beyond this level are refused.');

@Output('Quotas of a tenant.')
export class Quotas extends Model(quotas) {}

@Input('Quotas of a tenant. Omitted fields stay unchanged; null = the default.')
export class QuotasInput extends Model({
  clusters: quotas.clusters.nullish(),
  workloads: quotas.workloads.nullish(),
  concurrentTargets: quotas.concurrentTargets.nullish(),
  requestsPerSecond: quotas.requestsPerSecond.nullish(),
  requestBurst: quotas.requestBurst.nullish(),
}) {}

@Output('A tenant. Its workloads and clusters are not visible to other tenants.')
export class Tenant extends Model({ ...resource, name, quotas: Quotas.schema, podSecurity }) {}

@Input('A new tenant.')
export class CreateTenant extends Model({
  name,
  quotas: QuotasInput.schema.optional(),
  podSecurity: podSecurity.optional().describe('default: BASELINE.'),
}) {}

@Input('Changes to a tenant. Omitted fields stay unchanged.')
export class UpdateTenant extends Model({
  name: name.optional(),
  quotas: QuotasInput.schema.nullish().describe('Quotas to change; null = the defaults.'),
  podSecurity: podSecurity.nullish().describe('null = BASELINE.'),
}) {}

export const tenantOf = ({ id, name, limits, podSecurity, version, createdAt, updatedAt }: TenantRow): Tenant => ({
  id,
  name,
  quotas: limitsOf(limits),
  podSecurity,
  version,
  createdAt,
  updatedAt,
});
