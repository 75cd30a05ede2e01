import { Module } from '@nestjs/common';
import { registerConstraints } from '../platform/db/constraints.ts';
import { nameTaken, registerCodes } from '../platform/problem.ts';
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

registerConstraints({
  regions_name_key: () => nameTaken('A region with this name exists.'),
  clusters_name_alive: () => nameTaken('A cluster with this name exists.'),
});

declare module '../platform/problem.ts' {
  interface Codes {
    clusters: 'ROLLOUT_ACTIVE';
  }
}

// Not in rollouts, which import this room: a cluster on which a rollout is active is not removed.
registerCodes({ ROLLOUT_ACTIVE: { status: 409, title: 'A rollout is active', after: 'IN_USE' } });

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
