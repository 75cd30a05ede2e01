import { Module } from '@nestjs/common';
import { TenantController } from './tenant.controller.ts';
import { TenantRepository } from './tenant.repository.ts';
import { TenantResolver } from './tenant.resolver.ts';
import { TenantService } from './tenant.service.ts';

@Module({
  controllers: [TenantController],
  providers: [TenantRepository, TenantService, TenantResolver],
  exports: [TenantRepository, TenantService],
})
export class TenantModule {}
