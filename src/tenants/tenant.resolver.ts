import { Args, Int, Resolver } from '@nestjs/graphql';
import { ifVersion } from '../platform/api/etag.ts';
import { Mutation, Query } from '../platform/api/operation.ts';
import { type Connected, Connection, PageArguments, windowOf } from '../platform/api/page.ts';
import { CreateTenant, Tenant, UpdateTenant } from './tenant.model.ts';
import { TenantService } from './tenant.service.ts';

export const TenantConnection = Connection(Tenant);

@Resolver(() => Tenant)
export class TenantResolver {
  constructor(private readonly service: TenantService) {}

  @Query(() => TenantConnection, { action: 'tenants.list', description: 'Tenants, newest first.' })
  async tenants(@Args() page: PageArguments): Promise<Connected<Tenant>> {
    return TenantConnection.of(await this.service.list(windowOf(page)), page);
  }

  @Query(() => Tenant, { action: 'tenants.get', description: 'A tenant.' })
  tenant(@Args('tenant', { description: 'Id or name.' }) reference: string): Promise<Tenant> {
    return this.service.get(reference);
  }

  @Mutation(() => Tenant, { action: 'tenants.create', description: 'Creates a tenant.', idempotent: 'tenant' })
  createTenant(@Args('input') input: CreateTenant): Promise<Tenant> {
    return this.service.create(input);
  }

  @Mutation(() => Tenant, { action: 'tenants.update', description: 'Renames a tenant, changes its quotas or its Pod Security level.' })
  updateTenant(
    @Args('tenant', { description: 'Id or name.' }) reference: string,
    @Args('input') input: UpdateTenant,
    @Args('ifVersion', {
      type: () => Int,
      nullable: true,
      description: 'The expected version; the request is refused (STALE) if the current one differs.',
    })
    version?: number,
  ): Promise<Tenant> {
    return this.service.update(reference, input, ifVersion(version));
  }
}
