import { Module } from '@nestjs/common';
import { TenantModule } from '../tenants/tenant.module.ts';
import { CheckWait } from './check-wait.ts';
import { ClusterController } from './cluster.controller.ts';
import { ClusterRepository } from './cluster.repository.ts';
import { ClusterResolver } from './cluster.resolver.ts';
import { ClusterService } from './cluster.service.ts';
import { CredentialStore } from './credential.store.ts';
import { Inquiries } from './inquiries/inquiries.ts';
import { InquiryRepository } from './inquiries/inquiry.repository.ts';
import { RegionController } from './region.controller.ts';
import { RegionRepository } from './region.repository.ts';
import { RegionResolver } from './region.resolver.ts';
import { RegionService } from './region.service.ts';

@Module({
  imports: [TenantModule],
  controllers: [RegionController, ClusterController],
  providers: [
    RegionRepository,
    RegionService,
    RegionResolver,
    ClusterRepository,
    CredentialStore,
    ClusterService,
    InquiryRepository,
    Inquiries,
    CheckWait,
    ClusterResolver,
  ],
  exports: [RegionService, ClusterService, Inquiries],
})
export class ClusterModule {}
