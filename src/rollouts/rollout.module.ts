import { Module } from '@nestjs/common';
import { registerConstraints } from '../platform/db/constraints.ts';
import { Problem } from '../platform/problem.ts';
import { EventModule } from '../events/event.module.ts';
import { WorkloadModule } from '../workloads/workload.module.ts';
import { Acceptance } from './acceptance/acceptance.ts';
import { RolloutController } from './api/rollout.controller.ts';
import { RolloutEventsController } from './api/rollout-events.controller.ts';
import { RolloutReader } from './api/rollout.reader.ts';
import { RolloutRepository } from './store/rollout.repository.ts';
import { RolloutResolver } from './api/rollout.resolver.ts';
import { RolloutService } from './acceptance/rollout.service.ts';
import { LockedRolloutRepository } from './store/locked-rollout.repository.ts';
import { VerbService } from './acceptance/verb.service.ts';

registerConstraints({ rollouts_one_active: () => new Problem('ROLLOUT_ACTIVE', 'Another rollout of this workload is active.') });

/** The API of rollouts. They are carried out by the engine, in the worker's module. */
@Module({
  imports: [EventModule, WorkloadModule],
  controllers: [RolloutController, RolloutEventsController],
  providers: [RolloutRepository, RolloutReader, RolloutService, RolloutResolver, LockedRolloutRepository, VerbService, Acceptance],
})
export class RolloutModule {}
