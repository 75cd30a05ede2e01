import { Args, Context, Int, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import { referTo } from '../../platform/api/answer.ts';
import type { Referred } from '../../platform/api/answer.ts';
import { Database } from '../../platform/db/database.ts';
import { ifVersion } from '../../platform/api/etag.ts';
import { canonical } from '../../platform/id.ts';
import { batched, type GraphqlContext } from '../../platform/graphql/loaders.ts';
import { Mutation, Query, Subscription } from '../../platform/api/operation.ts';
import { type Connected, Connection, PageArguments, windowOf } from '../../platform/api/page.ts';
import { EventService } from '../../events/event.service.ts';
import { isSettled } from '../core/phases.ts';
import { CreateRollout, PromoteInput, RestartInput, RetryInput, RollbackInput, ScaleInput } from '../acceptance/request.model.ts';
import { Rollout, RolloutArguments, Wave } from './rollout.model.ts';
import type { RolloutDetail } from './rollout.model.ts';
import { RolloutReader } from './rollout.reader.ts';
import { RolloutService } from '../acceptance/rollout.service.ts';
import { Target } from './target.model.ts';
import { VerbService } from '../acceptance/verb.service.ts';
import { ObjectsOnRemoval } from './workload-removal.model.ts';

export const RolloutConnection = Connection(Rollout);
export const TargetConnection = Connection(Target);

const WORKLOAD = { description: 'Id or name of the workload.' };
const actingMutation = (action: string, description: string) => ({ action, description, idempotent: 'rollout', waits: 'rollout' });

@Resolver(() => Rollout)
export class RolloutResolver {
  constructor(
    private readonly database: Database,
    private readonly service: RolloutService,
    private readonly reader: RolloutReader,
    private readonly verbs: VerbService,
    private readonly events: EventService,
  ) {}

  @Query(() => RolloutConnection, { action: 'rollouts.list', description: 'Rollouts, newest first.' })
  async rollouts(@Args() page: RolloutArguments): Promise<Connected<Rollout>> {
    return RolloutConnection.of(await this.reader.page(windowOf(page), page), page);
  }

  @Query(() => Rollout, { action: 'rollouts.get', description: 'A rollout.', waits: 'rollout' })
  rollout(@Args('id') id: string): Promise<Rollout> {
    return this.reader.get(id);
  }

  @Query(() => TargetConnection, {
    name: 'targets',
    action: 'rollouts.get',
    description: 'All targets of a rollout, in the order of `waves.targets`.',
  })
  async listTargets(@Args('rollout') rollout: string, @Args() page: PageArguments): Promise<Connected<Target>> {
    return TargetConnection.of(await this.reader.targetPage(rollout, windowOf(page)), page);
  }

  @Mutation(() => Rollout, actingMutation('rollouts.create', 'Rolls a revision out to every placement.'))
  async createRollout(
    @Args('workload', WORKLOAD) workload: string,
    @Args('input', { nullable: true }) input: CreateRollout,
  ): Promise<Referred<Rollout>> {
    return referTo('rollout', await this.service.create(workload, input));
  }

  @Mutation(() => Rollout, actingMutation('rollouts.rollback', 'Goes back to a good release; the active rollout is superseded.'))
  async rollbackWorkload(
    @Args('workload', WORKLOAD) workload: string,
    @Args('input', { nullable: true }) input: RollbackInput,
  ): Promise<Referred<Rollout>> {
    return referTo('rollout', await this.service.rollback(workload, input));
  }

  @Mutation(() => Rollout, actingMutation('rollouts.restart', 'Replaces every pod by a new one of the same release.'))
  async restartWorkload(
    @Args('workload', WORKLOAD) workload: string,
    @Args('input', { nullable: true }) input: RestartInput,
  ): Promise<Referred<Rollout>> {
    return referTo('rollout', await this.service.restart(workload, input));
  }

  @Mutation(() => Rollout, actingMutation('rollouts.scale', 'Sets the number of pods; runs alongside the active rollout.'))
  async scaleWorkload(@Args('workload', WORKLOAD) workload: string, @Args('input') input: ScaleInput): Promise<Referred<Rollout>> {
    return referTo('rollout', await this.service.scale(workload, input));
  }

  @Mutation(() => Rollout, { action: 'workloads.delete', description: 'Removes a workload by a rollout of kind DELETE.', waits: 'rollout' })
  async deleteWorkload(
    @Args('workload', WORKLOAD) workload: string,
    @Args('objects', { type: () => ObjectsOnRemoval.enum, nullable: true }) objects?: 'DELETE' | 'ORPHAN',
    @Args('ifVersion', {
      type: () => Int,
      nullable: true,
      description: 'The expected version; the request is refused (STALE) if the current one differs.',
    })
    version?: number,
  ): Promise<Referred<Rollout>> {
    return referTo('rollout', await this.service.remove(workload, objects ?? 'DELETE', ifVersion(version)));
  }

  @Mutation(() => Rollout, actingMutation('rollouts.pause', 'Stops every forward move.'))
  async pauseRollout(@Args('id') id: string): Promise<Referred<Rollout>> {
    return referTo('rollout', await this.verbs.perform(id, { kind: 'PAUSE' }));
  }

  @Mutation(() => Rollout, actingMutation('rollouts.resume', 'Goes on after a pause.'))
  async resumeRollout(@Args('id') id: string): Promise<Referred<Rollout>> {
    return referTo('rollout', await this.verbs.perform(id, { kind: 'RESUME' }));
  }

  @Mutation(() => Rollout, actingMutation('rollouts.promote', 'Ends the pause at which the targets are held.'))
  async promoteRollout(@Args('id') id: string, @Args('input', { nullable: true }) input: PromoteInput): Promise<Referred<Rollout>> {
    return referTo('rollout', await this.verbs.perform(id, { kind: 'PROMOTE', full: input?.full ?? false }));
  }

  @Mutation(() => Rollout, actingMutation('rollouts.abort', 'Takes everything back; while rolling back, gives up on unreachable clusters.'))
  async abortRollout(@Args('id') id: string): Promise<Referred<Rollout>> {
    return referTo('rollout', await this.verbs.perform(id, { kind: 'ABORT' }));
  }

  @Mutation(() => Rollout, actingMutation('rollouts.retry', 'Retries the failed targets, in this rollout or in a new one.'))
  async retryRollout(@Args('id') id: string, @Args('input', { nullable: true }) input: RetryInput): Promise<Referred<Rollout>> {
    return referTo('rollout', await this.verbs.perform(id, { kind: 'RETRY', takeOver: input?.takeOver ?? false }));
  }

  @Subscription(() => Rollout, {
    action: 'rollouts.get',
    description: 'The rollout, now and at each change, until it has settled.',
    resolve: (rollout: Rollout) => rollout,
  })
  async *rolloutChanged(@Context() { caller }: GraphqlContext, @Args('id') id: string): AsyncGenerator<Rollout> {
    const read = () => this.database.as(caller, () => this.reader.get(id));
    const stream = await this.database.as(caller, () => this.events.follow('NOW', { rolloutIds: [canonical(id)] }));
    try {
      let rollout = await read();
      yield rollout;
      while (!isSettled(rollout.phase)) {
        const next = await stream.batches.next();
        if (next.done) return;
        if (next.value.length > 0) yield (rollout = await read());
      }
    } finally {
      stream.end();
    }
  }

  @ResolveField(() => [Wave], { description: 'Groups of targets, in their order.' })
  waves(@Parent() rollout: Rollout, @Context() context: GraphqlContext): Wave[] | Promise<Wave[]> {
    if (isDetailed(rollout)) return rollout.waves;
    return batched(
      context,
      'Rollout.waves',
      rollout.id,
      (ids) => this.reader.wavesOf(ids),
      () => [],
    );
  }

  @ResolveField(() => [Target], { description: 'Up to 200 targets, failed ones first.' })
  targets(@Parent() rollout: Rollout, @Context() context: GraphqlContext): Target[] | Promise<Target[]> {
    if (isDetailed(rollout)) return rollout.targets;
    return batched(
      context,
      'Rollout.targets',
      rollout.id,
      (ids) => this.reader.targetsOf(ids),
      () => [],
    );
  }
}

/** Whether it was read with its waves and targets, which a list omits. */
const isDetailed = (rollout: Rollout | RolloutDetail): rollout is RolloutDetail => 'targets' in rollout;
