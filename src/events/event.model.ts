import { z } from 'zod';
import { JsonObject, listOf, reference, time } from '../platform/model/fields.ts';
import { Arguments, Model, Output } from '../platform/model/model.ts';
import { pageArguments, pageQuery } from '../platform/api/page.ts';
import type { EventRow } from './event.repository.ts';

@Output('An event, as one sentence for people and as fields for programs. References are ids.')
export class Event extends Model({
  id: z.string().nullable().describe("The tenant's sequence number, without gaps; null for `target.progress`, which is not stored."),
  type: z.string().describe('For example `rollout.succeeded`. All types: docs/codes.md.'),
  code: z
    .string()
    .nullable()
    .describe(
      'Code of the reason, whose data are in `data.reasonData`; null where the type says it all, LEGACY for events that are older than the codes.',
    ),
  time,
  workload: z.uuid().nullable(),
  rollout: z.uuid().nullable(),
  target: z.uuid().nullable(),
  message: z.string(),
  data: JsonObject,
}) {}

const after = z.string().describe('Id of an event: only later events, oldest first.');

const filters = {
  type: listOf(z.string().min(1).max(64), 'Any of these types; docs/codes.md lists them. Others match nothing.').optional(),
  workload: listOf(reference('a workload'), 'Ids or names of workloads: any of them.').optional(),
  rollout: listOf(z.uuid(), 'Ids of rollouts: any of them.').optional(),
};

/** `?limit=&cursor=&after=&type=&workload=&rollout=` */
@Arguments()
export class EventQuery extends Model({ ...pageQuery, after: after.optional(), ...filters }) {}

/** `?limit=&cursor=&after=` */
@Arguments()
export class RolloutEventQuery extends Model({ ...pageQuery, after: after.optional() }) {}

@Arguments()
export class EventArguments extends Model({ ...pageArguments, afterId: after.nullish(), ...filters }) {}

export const eventOf = (row: EventRow): Event => ({
  id: row.seq.toString(),
  type: row.type,
  code: row.code,
  time: row.time,
  workload: row.workloadId,
  rollout: row.rolloutId,
  target: row.targetId,
  message: row.message,
  data: row.data as Record<string, unknown>,
});
