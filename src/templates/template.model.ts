import { z } from 'zod';
import { JsonObject, name, resource } from '../platform/model/fields.ts';
import { Input, Model, Output } from '../platform/model/model.ts';
import { CreatedBy, Reference } from '../platform/model/reference.model.ts';
import { tables } from './columns.ts';
import { RevisionCheck } from './revision-check.model.ts';
import type { RevisionRow } from './revision.repository.ts';
import type { TemplateRow } from './template.repository.ts';

const description = z.string().max(1000);

@Output('A template: a pod and everything that belongs to it, in revisions.')
export class Template extends Model({
  ...resource,
  name,
  description: description.nullable().describe('Free text.'),
  latestRevision: z.int().nullable().describe('Number of the newest revision; null before the first.'),
}) {}

@Input('A new template.')
export class CreateTemplate extends Model({ name, description: description.nullish().describe('Free text.') }) {}

@Input('Changes to a template. Omitted fields stay unchanged; null clears a field.')
export class UpdateTemplate extends Model({ name: name.optional(), description: description.nullish().describe('Free text.') }) {}

@Output('One immutable version of a template.')
export class Revision extends Model({
  ...resource,
  template: Reference.schema,
  number: z.int().describe('Counts from 1.'),
  digest: z.string().describe('SHA-256 of the document in canonical JSON: equal content, equal digest.'),
  document: JsonObject.describe('The document as it was posted, as JSON.'),
  createdBy: CreatedBy.schema,
  checks: z
    .array(RevisionCheck.schema)
    .describe(
      'Dry runs on clusters, at most 10: on one of each minor version of Kubernetes, with the default values and those of workloads.',
    ),
}) {}

export const templateOf = (row: TemplateRow): Template => ({
  id: row.id,
  name: row.name,
  description: row.description,
  latestRevision: row.latestRevision === 0 ? null : row.latestRevision,
  version: row.version,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});

export const revisionOf = (row: RevisionRow, checks: RevisionCheck[]): Revision => ({
  id: row.id,
  template: { id: row.template.id, name: row.template.name },
  number: row.number,
  digest: row.digest,
  document: row.document as Record<string, unknown>,
  createdBy: tables.read('revisions', 'created_by', row.createdBy),
  checks,
  version: 1,
  createdAt: row.createdAt,
  updatedAt: row.createdAt,
});
