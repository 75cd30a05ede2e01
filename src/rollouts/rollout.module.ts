import { Module } from '@nestjs/common';
import { EventModule } from '../events/event.module.ts';
import { WorkloadModule } from '../workloads/workload.module.ts';
import { Acceptance } from './acceptance.ts';
import { RolloutController } from './rollout.controller.ts';
import { RolloutEventsController } from './rollout-events.controller.ts';
import { RolloutReader } from './rollout.reader.ts';
import { RolloutRepository } from './rollout.repository.ts';
import { RolloutResolver } from './rollout.resolver.ts';
import { RolloutService } from './rollout.service.ts';
import { LockedRolloutRepository } from './locked-rollout.repository.ts';
import { VerbService } from './verb.service.ts';

/** The API of rollouts. They are carried out by the engine, in the worker's module. */
@Module({
  imports: [EventModule, WorkloadModule],
  controllers: [RolloutController, RolloutEventsController],
  providers: [RolloutRepository, RolloutReader, RolloutService, RolloutResolver, LockedRolloutRepository, VerbService, Acceptance],
})
export class RolloutModule {}
