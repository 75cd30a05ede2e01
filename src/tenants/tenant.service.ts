import { Injectable } from '@nestjs/common';
import { checkVersion, type ExpectedVersions } from '../platform/api/etag.ts';
import { Database } from '../platform/db/database.ts';
import { newId } from '../platform/id.ts';
import { differing, mergePatch, patchedField } from '../platform/api/merge-patch.ts';
import { type Page, pageOf, type Window } from '../platform/api/page.ts';
import { notFound, Problem } from '../platform/problem.ts';
import { Resources } from '../platform/api/resources.ts';
import { Seal } from '../platform/crypto/seal.ts';
import type { PodSecurityLevel } from '../generated/prisma/enums.ts';
import { type Limits, limitsOf } from './limits.ts';
import { type CreateTenant, DEFAULT_POD_SECURITY, type Tenant, tenantOf, type UpdateTenant } from './tenant.model.ts';
import { TenantRepository } from './tenant.repository.ts';

/** Tenants. Only the operator creates and sees them. */
@Injectable()
export class TenantService {
  constructor(
    private readonly database: Database,
    private readonly tenants: TenantRepository,
    private readonly seal: Seal,
    resources: Resources,
  ) {
    resources.add('tenant', (id) => this.get(id));
  }

  async create({ name, quotas = {}, podSecurity }: CreateTenant): Promise<Tenant> {
    const id = newId();
    const limits: Partial<Limits> = mergePatch({}, quotas);
    return this.database.transaction(async () =>
      tenantOf(await this.tenants.create({ id, name, limits, ...(podSecurity && { podSecurity }) }, this.seal.newDataKey(id))),
    );
  }

  async get(reference: string): Promise<Tenant> {
    const row = await this.tenants.findSummary(reference);
    if (!row) throw notFound('Tenant', reference);
    return tenantOf(row);
  }

  async list(window: Window): Promise<Page<Tenant>> {
    return pageOf(await this.tenants.list(window), window.limit, (row) => row.id, tenantOf);
  }

  /** The Pod Security level of the context's tenant. */
  podSecurity(): Promise<PodSecurityLevel> {
    return this.tenants.podSecurity();
  }

  /** Current use of the quotas of the context's tenant. */
  async use(): Promise<{ clusters: number; workloads: number; concurrentTargets: number }> {
    const [use, concurrentTargets] = await Promise.all([this.tenants.use(), this.tenants.movingTargets()]);
    return { ...use, concurrentTargets };
  }

  /** Throws QUOTA_EXCEEDED if the quota is used up. Locks the tenant's row until the transaction ends, so that concurrent requests cannot exceed it. */
  async checkQuota(noun: 'clusters' | 'workloads'): Promise<void> {
    const row = await this.tenants.hold();
    const most = limitsOf(row?.limits)[noun];
    const { [noun]: count } = await this.tenants.use();
    if (count >= most) throw new Problem('QUOTA_EXCEEDED', `The tenant has ${count} ${noun}; its quota is ${most}.`);
  }

  async update(reference: string, { name, quotas, podSecurity }: UpdateTenant, expected: ExpectedVersions): Promise<Tenant> {
    const { id } = await this.get(reference);
    return this.database.transaction(async () => {
      const row = await this.tenants.lock(id);
      if (!row) throw notFound('Tenant', reference);
      checkVersion(row.version, expected);
      const limits: Partial<Limits> | undefined = patchedField(row.limits as Partial<Limits>, quotas);
      const change = differing(row, { name, limits, podSecurity: podSecurity === null ? DEFAULT_POD_SECURITY : podSecurity });
      return tenantOf(change ? await this.tenants.update(id, change) : row);
    });
  }
}
