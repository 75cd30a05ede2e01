import { Injectable } from '@nestjs/common';
import { currentContext, NO_TENANT } from '../platform/db/context.ts';
import { TenantService } from '../tenants/tenant.service.ts';
import type { Me } from './me.model.ts';

/** Describes the caller. */
@Injectable()
export class MeService {
  constructor(private readonly tenants: TenantService) {}

  async get(): Promise<Me> {
    const { tenantId, author, role } = currentContext();
    const who = { key: author.keyId === null ? null : { id: author.keyId, name: author.name }, role, actor: author.actor };
    if (tenantId === NO_TENANT) return { ...who, tenant: null, quotas: null, podSecurity: null, use: null };
    const [{ id, name, quotas, podSecurity }, use] = await Promise.all([this.tenants.get(tenantId), this.tenants.use()]);
    return { ...who, tenant: { id, name }, quotas, podSecurity, use };
  }
}
