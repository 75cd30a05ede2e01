import { Module } from '@nestjs/common';
import { registerConstraints } from '../platform/db/constraints.ts';
import { nameTaken } from '../platform/problem.ts';
import { TenantController } from './tenant.controller.ts';
import { TenantRepository } from './tenant.repository.ts';
import { TenantResolver } from './tenant.resolver.ts';
import { TenantService } from './tenant.service.ts';

registerConstraints({ tenants_name_key: () => nameTaken('A tenant with this name exists.') });

@Module({
  controllers: [TenantController],
  providers: [TenantRepository, TenantService, TenantResolver],
  exports: [TenantRepository, TenantService],
})
export class TenantModule {}
