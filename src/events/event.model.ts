import { z } from 'zod';
import { JsonObject, time } from '../common/model/fields.ts';
import { Model, Output } from '../common/model/model.ts';
import type { EventRow } from './event.repository.ts';

@Output('Something that happened, in one sentence for a person and in fields for a program. References are ids.')
export class Event extends Model({
  id: z.string().nullable().describe("The tenant's sequence number, without gaps; null for `target.progress`, which is not kept."),
  type: z.string().describe('As in `rollout.succeeded`.'),
  time,
  workload: z.uuid().nullable(),
  rollout: z.uuid().nullable(),
  target: z.uuid().nullable(),
  message: z.string(),
  data: JsonObject,
}) {}

export const eventOf = (row: EventRow): Event => ({
  id: row.seq.toString(),
  type: row.type,
  time: row.time,
  workload: row.workloadId,
  rollout: row.rolloutId,
  target: row.targetId,
  message: row.message,
  data: row.data as Record<string, unknown>,
});
