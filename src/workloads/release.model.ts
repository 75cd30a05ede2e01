import { z } from 'zod';
import { id, JsonObject, resource, time } from '../platform/model/fields.ts';
import { Model, Output } from '../platform/model/model.ts';
import { CreatedBy, Reference } from '../platform/model/reference.model.ts';
import { tables } from './columns.ts';
import type { ReleaseRow } from './release.repository.ts';

@Output('A reference to a release.')
export class ReleaseReference extends Model({ id, number: z.int() }) {}

@Output('A reference to a revision.')
export class RevisionReference extends Model({ id, number: z.int(), digest: z.string(), template: Reference.schema }) {}

@Output('The rendered objects of a release in one place.')
export class ReleaseObjects extends Model({
  placement: z.uuid(),
  objects: z.array(JsonObject).describe('The Kubernetes objects, in the order of their application.'),
}) {}

@Output('A revision with its values, rendered for every placement when it was accepted. A rollout can go back to it.')
export class Release extends Model({
  ...resource,
  number: z.int(),
  workload: Reference.schema,
  revision: RevisionReference.schema,
  values: JsonObject,
  reason: z.string().nullable(),
  goodAt: time
    .nullable()
    .describe('Since when every placement with pods has run it, all of them Ready; null = not yet, so that no rollout can go back to it.'),
  createdBy: CreatedBy.schema,
}) {}

@Output('A release with its rendered objects.')
export class ReleaseDetail extends Model({ ...Release.schema.shape, objects: z.array(ReleaseObjects.schema) }) {}

export const releaseOf = (row: ReleaseRow): Release => ({
  id: row.id,
  number: row.number,
  workload: row.workload,
  revision: row.revision,
  values: row.values as Record<string, unknown>,
  reason: row.reason,
  goodAt: row.goodAt,
  createdBy: tables.read('releases', 'created_by', row.createdBy),
  version: 1,
  createdAt: row.createdAt,
  updatedAt: row.goodAt ?? row.createdAt,
});
