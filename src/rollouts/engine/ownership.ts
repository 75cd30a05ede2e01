/**
 * Who owns which fields of a Deployment, as its `metadata.managedFields` say. Our applies and our patches have an entry each (operation Apply and Update). An
 * apply removes what our Apply entry owns and the configuration lacks, and no patch adds to that entry: so what we patch is moved there. Trees of FieldsV1 are
 * merged as they are; a wrong path in one would be dropped by the server without an error.
 */
import { fieldManager } from '../../clusters/core/managers.ts';
import type { ManagedFields } from '../../clusters/kubernetes/types.ts';
import { isRecord } from '../../platform/json.ts';

type Tree = Readonly<Record<string, unknown>>;

/** Keys of `metadata.labels` and `metadata.annotations` that the Deployment has from us. */
export interface OurKeys {
  labels: readonly string[];
  annotations: readonly string[];
}

/** In `spec`, what belongs to others by right: `/scale` and the owner's pause. In our Apply entry, the next apply without them would reset both. */
const NEVER_OURS: ReadonlySet<string> = new Set(['f:replicas', 'f:paused']);

/**
 * The claim of a write that brings a whole Deployment: every manager's fields of `spec`, and our labels and annotations, become our Apply entry's. Entries for
 * subresources keep theirs, others what is left of them.
 *
 * @returns null where the Deployment has no managed fields at all: the server then begins to track them with this write
 */
export function claimed(entries: readonly ManagedFields[], keys: OurKeys): ManagedFields[] | null {
  return handedOver(entries, (entry) => divide(treeOf(entry.fieldsV1), isOurUpdate(entry) ? null : keys));
}

/** Our Update entry merged into our Apply entry, and no other manager's touched, so that an edit stays visible; null where there is nothing to merge. */
export function merged(entries: readonly ManagedFields[]): ManagedFields[] | null {
  if (!entries.some(isOurUpdate)) return null;
  const next = handedOver(entries, (entry) => {
    const fields = treeOf(entry.fieldsV1);
    return isOurUpdate(entry) ? divide(fields, null) : { taken: {}, left: fields };
  });
  const isSame = next?.length === entries.length && JSON.stringify(next) === JSON.stringify(entries);
  return isSame ? null : next;
}

/** Fields of `spec` (without `f:`), and keys of labels and annotations, that are ours by an apply or by a patch. */
export function ownedByUs(entries: readonly ManagedFields[]): OurKeys & { spec: string[] } {
  const ours = entries.filter((entry) => isOurApply(entry) || isOurUpdate(entry)).map(({ fieldsV1 }) => treeOf(fieldsV1));
  const names = (...path: string[]): string[] => [
    ...new Set(
      ours.flatMap((fields) => Object.keys(path.reduce(part, fields)).flatMap((key) => (key.startsWith('f:') ? [key.slice(2)] : []))),
    ),
  ];
  return { spec: names('f:spec'), labels: names('f:metadata', 'f:labels'), annotations: names('f:metadata', 'f:annotations') };
}

function handedOver(
  entries: readonly ManagedFields[],
  divided: (entry: ManagedFields) => { taken: Tree; left: Tree },
): ManagedFields[] | null {
  if (entries.length === 0) return null;
  const own = entries.find(isOurApply);
  let fields = treeOf(own?.fieldsV1);
  const others: ManagedFields[] = [];
  for (const entry of entries) {
    if (entry === own) continue;
    if (entry.subresource !== undefined) {
      others.push(entry);
      continue;
    }
    const { taken, left } = divided(entry);
    fields = union(fields, taken);
    if (Object.keys(left).length > 0) others.push({ ...entry, fieldsV1: { ...left } });
  }
  const newest = entries.map(({ time }) => time ?? '').reduce((a, b) => (a > b ? a : b));
  const fresh = { manager: fieldManager, operation: 'Apply' as const, apiVersion: 'apps/v1', fieldsType: 'FieldsV1', time: newest };
  return [{ ...(own ?? fresh), fieldsV1: { ...fields } }, ...others];
}

const isOurs = ({ manager, subresource }: ManagedFields): boolean => manager === fieldManager && subresource === undefined;
const isOurApply = (entry: ManagedFields): boolean => isOurs(entry) && entry.operation === 'Apply';
const isOurUpdate = (entry: ManagedFields): boolean => isOurs(entry) && entry.operation === 'Update';

/** What of an entry is handed over, and what its manager keeps. `keys` null: all labels and annotations are handed over. */
function divide(fields: Tree, keys: OurKeys | null): { taken: Tree; left: Tree } {
  const { 'f:spec': spec, 'f:metadata': metadata, ...rest } = fields;
  const inSpec = pick(treeOf(spec), (key) => !NEVER_OURS.has(key));
  const inMetadata = divideMetadata(treeOf(metadata), keys);
  return {
    taken: { ...withField('f:metadata', inMetadata.taken), ...withField('f:spec', inSpec.taken) },
    left: { ...rest, ...withField('f:metadata', inMetadata.left), ...withField('f:spec', inSpec.left) },
  };
}

function divideMetadata(metadata: Tree, keys: OurKeys | null): { taken: Tree; left: Tree } {
  const { 'f:labels': labels, 'f:annotations': annotations, ...rest } = metadata;
  const isOur = (list: readonly string[] | undefined) => (key: string) => list === undefined || list.includes(key.slice(2));
  const ofLabels = pick(treeOf(labels), isOur(keys?.labels));
  const ofAnnotations = pick(treeOf(annotations), isOur(keys?.annotations));
  return {
    taken: { ...withField('f:annotations', ofAnnotations.taken), ...withField('f:labels', ofLabels.taken) },
    left: { ...rest, ...withField('f:annotations', ofAnnotations.left), ...withField('f:labels', ofLabels.left) },
  };
}

/** The map or struct itself (`.`) goes with the last of its fields. */
function pick(fields: Tree, isTaken: (key: string) => boolean): { taken: Tree; left: Tree } {
  const entries = Object.entries(fields).filter(([key]) => key !== '.');
  const taken = entries.filter(([key]) => isTaken(key));
  const left = entries.filter(([key]) => !isTaken(key));
  const self = '.' in fields ? [['.', {}] as const] : [];
  return {
    taken: Object.fromEntries(taken.length > 0 && left.length === 0 ? [...self, ...taken] : taken),
    left: Object.fromEntries(left.length > 0 ? [...self, ...left] : []),
  };
}

/** All members of both. A leaf (`{}`) is a member itself, which `.` says where it has members below it. */
function union(a: Tree, b: Tree): Tree {
  const both: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) both[key] = key in a ? unionBelow(treeOf(a[key]), treeOf(value)) : value;
  return both;
}

function unionBelow(a: Tree, b: Tree): Tree {
  const [leaf, other] = Object.keys(a).length === 0 ? [a, b] : [b, a];
  if (Object.keys(leaf).length > 0) return union(a, b);
  return Object.keys(other).length === 0 ? {} : { '.': {}, ...other };
}

function withField(key: string, tree: Tree): Tree {
  return Object.keys(tree).length === 0 ? {} : { [key]: tree };
}

function treeOf(value: unknown): Tree {
  return isRecord(value) ? value : {};
}

function part(tree: Tree, key: string): Tree {
  return treeOf(tree[key]);
}
