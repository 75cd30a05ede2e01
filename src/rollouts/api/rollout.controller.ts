import { Body, Controller, Param, Query } from '@nestjs/common';
import { referTo } from '../../platform/api/answer.ts';
import type { Referred } from '../../platform/api/answer.ts';
import { IfMatch } from '../../platform/api/etag.ts';
import type { ExpectedVersions } from '../../platform/api/etag.ts';
import { PageOf, PageQuery, windowOf } from '../../platform/api/page.ts';
import { Route } from '../../platform/api/route.ts';
import type { RouteOptions } from '../../platform/api/route.ts';
import { RolloutReader } from './rollout.reader.ts';
import { CreateRollout, PromoteInput, RestartInput, RetryInput, RollbackInput, ScaleInput } from '../acceptance/request.model.ts';
import { Rollout, RolloutDetail, RolloutQuery } from './rollout.model.ts';
import { RolloutService } from '../acceptance/rollout.service.ts';
import { Target } from './target.model.ts';
import { VerbService } from '../acceptance/verb.service.ts';
import { RemoveQuery } from './workload-removal.model.ts';

/** Routes that create a rollout or act on one: 202 with the rollout, or 200 if it has settled during `Prefer: wait`. */
const acting = (action: string, summary: string): RouteOptions => ({
  action,
  summary,
  status: 202,
  alsoAnswers: [200],
  answers: RolloutDetail,
  idempotent: 'rollout',
  waits: 'rollout',
  location: (rollout: never) => `/v1/rollouts/${(rollout as RolloutDetail).id}`,
});

@Controller()
export class RolloutController {
  constructor(
    private readonly rollouts: RolloutService,
    private readonly reader: RolloutReader,
    private readonly verbs: VerbService,
  ) {}

  @Route('POST', '/workloads/:workload/rollouts', acting('rollouts.create', 'Rolls a revision out to every placement.'))
  async create(@Param('workload') workload: string, @Body() input: CreateRollout): Promise<Referred<RolloutDetail>> {
    return referTo('rollout', await this.rollouts.create(workload, input));
  }

  @Route(
    'POST',
    '/workloads/:workload/rollback',
    acting('rollouts.rollback', 'Goes back to a good release; the active rollout is superseded.'),
  )
  async rollback(@Param('workload') workload: string, @Body() input: RollbackInput): Promise<Referred<RolloutDetail>> {
    return referTo('rollout', await this.rollouts.rollback(workload, input));
  }

  @Route('POST', '/workloads/:workload/restart', acting('rollouts.restart', 'Replaces every pod by a new one of the same release.'))
  async restart(@Param('workload') workload: string, @Body() input: RestartInput): Promise<Referred<RolloutDetail>> {
    return referTo('rollout', await this.rollouts.restart(workload, input));
  }

  @Route('POST', '/workloads/:workload/scale', acting('rollouts.scale', 'Sets the number of pods; runs alongside the active rollout.'))
  async scale(@Param('workload') workload: string, @Body() input: ScaleInput): Promise<Referred<RolloutDetail>> {
    return referTo('rollout', await this.rollouts.scale(workload, input));
  }

  @Route('DELETE', '/workloads/:workload', {
    action: 'workloads.delete',
    summary: 'Removes a workload by a rollout of kind DELETE; its rollouts and events stay.',
    status: 202,
    answers: RolloutDetail,
    waits: 'rollout',
    location: (rollout: never) => `/v1/rollouts/${(rollout as RolloutDetail).id}`,
  })
  async remove(
    @Param('workload') workload: string,
    @Query() query: RemoveQuery,
    @IfMatch() expected: ExpectedVersions,
  ): Promise<Referred<RolloutDetail>> {
    return referTo('rollout', await this.rollouts.remove(workload, query.objects ?? 'DELETE', expected));
  }

  @Route('GET', '/rollouts', { action: 'rollouts.list', summary: 'Lists rollouts, newest first.', answers: PageOf(Rollout) })
  list(@Query() query: RolloutQuery) {
    return this.reader.page(windowOf(query), query);
  }

  @Route('GET', '/rollouts/:rollout', { action: 'rollouts.get', summary: 'Shows a rollout.', answers: RolloutDetail, waits: 'rollout' })
  get(@Param('rollout') rollout: string) {
    return this.reader.get(rollout);
  }

  @Route('GET', '/rollouts/:rollout/targets', {
    action: 'rollouts.get',
    summary: 'Lists all targets, in the order of `waves[].targets`.',
    answers: PageOf(Target),
  })
  listTargets(@Param('rollout') rollout: string, @Query() query: PageQuery) {
    return this.reader.targetPage(rollout, windowOf(query));
  }

  @Route('POST', '/rollouts/:rollout/pause', acting('rollouts.pause', 'Stops every forward move.'))
  async pause(@Param('rollout') rollout: string): Promise<Referred<RolloutDetail>> {
    return referTo('rollout', await this.verbs.perform(rollout, { kind: 'PAUSE' }));
  }

  @Route('POST', '/rollouts/:rollout/resume', acting('rollouts.resume', 'Goes on after `pause`.'))
  async resume(@Param('rollout') rollout: string): Promise<Referred<RolloutDetail>> {
    return referTo('rollout', await this.verbs.perform(rollout, { kind: 'RESUME' }));
  }

  @Route('POST', '/rollouts/:rollout/promote', acting('rollouts.promote', 'Ends the pause at which the targets are held.'))
  async promote(@Param('rollout') rollout: string, @Body() input: PromoteInput): Promise<Referred<RolloutDetail>> {
    return referTo('rollout', await this.verbs.perform(rollout, { kind: 'PROMOTE', full: input.full ?? false }));
  }

  @Route(
    'POST',
    '/rollouts/:rollout/abort',
    acting('rollouts.abort', 'Takes everything back; while rolling back, gives up on unreachable clusters.'),
  )
  async abort(@Param('rollout') rollout: string): Promise<Referred<RolloutDetail>> {
    return referTo('rollout', await this.verbs.perform(rollout, { kind: 'ABORT' }));
  }

  @Route('POST', '/rollouts/:rollout/retry', acting('rollouts.retry', 'Retries the failed targets, in this rollout or in a new one.'))
  async retry(@Param('rollout') rollout: string, @Body() input: RetryInput): Promise<Referred<RolloutDetail>> {
    return referTo('rollout', await this.verbs.perform(rollout, { kind: 'RETRY', takeOver: input.takeOver ?? false }));
  }
}
