import { Body, Controller, Param, Query } from '@nestjs/common';
import { type ExpectedVersions, IfMatch } from '../platform/api/etag.ts';
import { type Page, PageOf, PageQuery, windowOf } from '../platform/api/page.ts';
import { Route } from '../platform/api/route.ts';
import { CreateTenant, Tenant, UpdateTenant } from './tenant.model.ts';
import { TenantService } from './tenant.service.ts';

@Controller()
export class TenantController {
  constructor(private readonly tenants: TenantService) {}

  @Route('GET', '/tenants', { action: 'tenants.list', summary: 'Lists tenants, newest first.', answers: PageOf(Tenant) })
  list(@Query() query: PageQuery): Promise<Page<Tenant>> {
    return this.tenants.list(windowOf(query));
  }

  @Route('POST', '/tenants', { action: 'tenants.create', summary: 'Creates a tenant.', status: 201, answers: Tenant, idempotent: 'tenant' })
  create(@Body() input: CreateTenant): Promise<Tenant> {
    return this.tenants.create(input);
  }

  @Route('GET', '/tenants/:tenant', { action: 'tenants.get', summary: 'Shows a tenant.', answers: Tenant })
  get(@Param('tenant') reference: string): Promise<Tenant> {
    return this.tenants.get(reference);
  }

  @Route('PATCH', '/tenants/:tenant', {
    action: 'tenants.update',
    summary: 'Renames a tenant, changes its quotas or its Pod Security level.',
    answers: Tenant,
  })
  update(@Param('tenant') reference: string, @Body() input: UpdateTenant, @IfMatch() expected: ExpectedVersions): Promise<Tenant> {
    return this.tenants.update(reference, input, expected);
  }
}
