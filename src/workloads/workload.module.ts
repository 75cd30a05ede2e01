import { Module } from '@nestjs/common';
import { registerConstraints } from '../platform/db/constraints.ts';
import { nameTaken } from '../platform/problem.ts';
import { ClusterModule } from '../clusters/cluster.module.ts';
import { TemplateModule } from '../templates/template.module.ts';
import { TenantModule } from '../tenants/tenant.module.ts';
import { CheckStarter } from './checks/check-starter.ts';
import { SiteRepository } from './checks/site.repository.ts';
import { ReleaseRepository } from './release.repository.ts';
import { ReleaseService } from './release.service.ts';
import { RenderController, RenderResolver } from './render.controller.ts';
import { RenderService } from './render.service.ts';
import { WorkloadController } from './workload.controller.ts';
import { WorkloadRepository } from './workload.repository.ts';
import { ReleaseResolver, WorkloadResolver } from './workload.resolver.ts';
import { WorkloadService } from './workload.service.ts';

registerConstraints({ workloads_name_alive: () => nameTaken('A workload with this name exists.') });

@Module({
  imports: [TenantModule, TemplateModule, ClusterModule],
  controllers: [WorkloadController, RenderController],
  providers: [
    WorkloadRepository,
    WorkloadService,
    WorkloadResolver,
    ReleaseRepository,
    ReleaseService,
    ReleaseResolver,
    RenderService,
    RenderResolver,
    SiteRepository,
    CheckStarter,
  ],
  exports: [WorkloadService, ReleaseRepository, ReleaseService],
})
export class WorkloadModule {}
