import { z } from 'zod';
import { id, JsonObject, time } from '../common/model/fields.ts';
import { Model, Output } from '../common/model/model.ts';
import { CreatedBy, Reference } from '../common/reference.model.ts';
import type { ReleaseRow } from './release.repository.ts';

@Output('A release, by its number in the workload.')
export class ReleaseReference extends Model({ id, number: z.int() }) {}

@Output('A revision, by its template and number.')
export class RevisionReference extends Model({ id, number: z.int(), digest: z.string(), template: Reference.schema }) {}

@Output('What a release renders to in one place.')
export class ReleaseObjects extends Model({
  placement: z.uuid(),
  objects: z.array(JsonObject).describe('The Kubernetes objects in the order in which they are applied.'),
}) {}

@Output('A revision with its values, rendered for every placement when it was accepted: what runs, and what can be gone back to.')
export class Release extends Model({
  id,
  number: z.int(),
  workload: Reference.schema,
  revision: RevisionReference.schema,
  values: JsonObject,
  reason: z.string().nullable(),
  goodAt: time.nullable().describe('When a rollout to it first succeeded; null = it cannot be gone back to.'),
  createdBy: CreatedBy.schema,
  createdAt: time,
}) {}

@Output('A release with the objects that it renders to.')
export class ReleaseDetail extends Model({ ...Release.schema.shape, objects: z.array(ReleaseObjects.schema) }) {}

export const releaseOf = (row: ReleaseRow): Release => ({
  id: row.id,
  number: row.number,
  workload: row.workload,
  revision: row.revision,
  values: row.values as Record<string, unknown>,
  reason: row.reason,
  goodAt: row.goodAt,
  createdBy: row.createdBy as unknown as CreatedBy,
  createdAt: row.createdAt,
});
