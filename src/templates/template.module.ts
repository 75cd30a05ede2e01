import { Module } from '@nestjs/common';
import { RevisionController } from './revision.controller.ts';
import { RevisionRepository } from './revision.repository.ts';
import { RevisionResolver } from './revision.resolver.ts';
import { RevisionService } from './revision.service.ts';
import { TemplateController } from './template.controller.ts';
import { TemplateRepository } from './template.repository.ts';
import { TemplateResolver } from './template.resolver.ts';
import { TemplateService } from './template.service.ts';
import { TemplateUsers } from './users.repository.ts';

@Module({
  controllers: [TemplateController, RevisionController],
  providers: [TemplateRepository, TemplateUsers, TemplateService, TemplateResolver, RevisionRepository, RevisionService, RevisionResolver],
  exports: [TemplateService, RevisionService],
})
export class TemplateModule {}
