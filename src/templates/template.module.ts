import { Module } from '@nestjs/common';
import { registerConstraints } from '../platform/db/constraints.ts';
import { nameTaken } from '../platform/problem.ts';
import { TenantModule } from '../tenants/tenant.module.ts';
import { RevisionCheckRepository } from './revision-check.repository.ts';
import { RevisionChecks } from './revision-checks.ts';
import { RevisionController } from './revision.controller.ts';
import { RevisionRepository } from './revision.repository.ts';
import { RevisionResolver } from './revision.resolver.ts';
import { RevisionService } from './revision.service.ts';
import { TemplateController } from './template.controller.ts';
import { TemplateRepository } from './template.repository.ts';
import { TemplateResolver } from './template.resolver.ts';
import { TemplateService } from './template.service.ts';

registerConstraints({ templates_name_alive: () => nameTaken('A template with this name exists.') });

@Module({
  imports: [TenantModule],
  controllers: [TemplateController, RevisionController],
  providers: [
    TemplateRepository,
    TemplateService,
    TemplateResolver,
    RevisionRepository,
    RevisionCheckRepository,
    RevisionChecks,
    RevisionService,
    RevisionResolver,
  ],
  exports: [TemplateService, RevisionService, RevisionChecks, RevisionCheckRepository],
})
export class TemplateModule {}
