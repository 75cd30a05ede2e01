import { z } from 'zod';
import { CheckState } from '../generated/prisma/enums.ts';
import { Enum, namespace, reference, time } from '../platform/model/fields.ts';
import { Arguments, Input, Model, Output } from '../platform/model/model.ts';
import { Reference } from '../platform/model/reference.model.ts';
import { FINDING_KINDS } from './core/finding.ts';

const State = Enum(
  'CheckState',
  CheckState,
  'What came of a dry run: UNKNOWN says nothing about the document, only about the cluster or the values.',
);
const FindingKind = Enum(
  'CheckFindingKind',
  Object.fromEntries(FINDING_KINDS.map((kind) => [kind, kind])) as { [K in (typeof FINDING_KINDS)[number]]: K },
  'FAULT: the cluster refuses the document. CLUSTER: it did not judge it. NOTE: what was not checked.',
);

@Output('Something that a dry run has found.')
export class CheckFinding extends Model({
  kind: FindingKind,
  pointer: z.string().describe('JSON Pointer into the document; empty: about none of its places.'),
  detail: z.string(),
}) {}

@Output('A dry run of a revision on one cluster with one set of values. Nothing is written to the cluster.')
export class RevisionCheck extends Model({
  cluster: Reference.schema,
  namespace: z.string().nullable(),
  workload: Reference.schema.nullable().describe('Whose values were used; null = the defaults of the parameters.'),
  version: z.string().nullable().describe('Version of Kubernetes that the cluster had.'),
  state: State,
  findings: z.array(CheckFinding.schema).describe('At most 50.'),
  checkedAt: time.nullable().describe('null = not yet.'),
}) {}

@Input('Where a revision is checked, instead of where its workloads are placed.')
export class CheckPlace extends Model({ cluster: reference('a cluster'), namespace }) {}

const PLACE = /^([^/]+)\/([^/]+)$/;

/** `?check=<cluster>/<namespace>` */
@Arguments()
export class CreateRevisionQuery extends Model({
  check: z
    .string()
    .max(320)
    .refine((text) => CheckPlace.schema.safeParse(placeIn(text)).success, 'must be a cluster and a namespace: <cluster>/<namespace>')
    .optional()
    .describe('Cluster and namespace to check the revision in, `<cluster>/<namespace>`, instead of where its workloads are placed.'),
}) {}

/** The place that a query parameter names. */
export const placeIn = (text: string): Partial<CheckPlace> => {
  const [, cluster, namespace] = PLACE.exec(text) ?? [];
  return { ...(cluster !== undefined && { cluster }), ...(namespace !== undefined && { namespace }) };
};
