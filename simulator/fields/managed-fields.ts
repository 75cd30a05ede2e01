/** Maintains `metadata.managedFields` through applies and updates, and refuses applies that conflict with another manager. */
import type { KubernetesObject, ManagedFieldsEntry, Metadata } from '../objects.ts';
import { equal } from '../objects.ts';
import type { Type } from '../schema/types.ts';
import { applyConflict } from '../status.ts';
import { compare, fieldsOf } from './compare.ts';
import type { Comparison } from './compare.ts';
import { difference, FieldSet, fromFieldsV1, intersection, pathText, toFieldsV1, union, without } from './field-set.ts';
import { merge, removeDisowned } from './merge.ts';

export interface Writer {
  manager: string;
  apiVersion: string;
  time: string;
  subresource?: string;
}

interface Owner {
  entry: ManagedFieldsEntry;
  set: FieldSet;
}

/** Fields without a manager: identity, and those that the server maintains. */
const ownerless = [
  ['f:apiVersion'],
  ['f:kind'],
  ...['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'generation', 'managedFields', 'resourceVersion'].map((name) => [
    'f:metadata',
    `f:${name}`,
  ]),
];

/** What a write to the main resource cannot state, and what a write to its status cannot. */
const outOfReach = (subresource: string | undefined): string[] => (subresource === 'status' ? ['f:spec'] : ['f:status']);

function strip(set: FieldSet, subresource: string | undefined): FieldSet {
  let stripped = without(set, outOfReach(subresource));
  for (const path of ownerless) stripped = without(stripped, path);
  const metadata = stripped.children.get('f:metadata');
  if (metadata?.member && metadata.children.size === 0) stripped = without(stripped, ['f:metadata']);
  return stripped;
}

function ownersOf(object: KubernetesObject | undefined): Owner[] {
  return (object?.metadata.managedFields ?? []).map((entry) => ({ entry, set: fromFieldsV1(entry.fieldsV1) }));
}

const isWriter = (entry: ManagedFieldsEntry, operation: 'Apply' | 'Update', writer: Writer): boolean =>
  entry.operation === operation &&
  entry.manager === writer.manager &&
  (entry.subresource ?? '') === (writer.subresource ?? '') &&
  (operation === 'Apply' || entry.apiVersion === writer.apiVersion);

function entryFor(operation: 'Apply' | 'Update', writer: Writer, set: FieldSet): ManagedFieldsEntry {
  const { manager, apiVersion, time, subresource } = writer;
  return {
    manager,
    operation,
    apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(set),
    ...(subresource ? { subresource } : {}),
  };
}

function order(left: ManagedFieldsEntry, right: ManagedFieldsEntry): number {
  const key = (entry: ManagedFieldsEntry): string =>
    `${entry.operation} ${entry.time ?? ''} ${entry.manager} ${entry.apiVersion} ${entry.subresource ?? ''}`;
  return key(left) < key(right) ? -1 : 1;
}

function withOwners(object: KubernetesObject, entries: ManagedFieldsEntry[]): KubernetesObject {
  const metadata: Metadata = { ...object.metadata };
  if (entries.length > 0) metadata.managedFields = entries.sort(order);
  else delete metadata.managedFields;
  return { ...object, metadata };
}

/** Other managers' entries after a write, without the fields that it changed or removed. Unaffected entries are unchanged. */
function others(owners: Owner[], changes: Comparison): ManagedFieldsEntry[] {
  const lost = union(union(changes.modified, changes.added), changes.removed);
  return owners.flatMap(({ entry, set }) => {
    if (intersection(set, lost).empty) return [entry];
    const left = difference(set, lost);
    return left.empty ? [] : [{ ...entry, fieldsV1: toFieldsV1(left) }];
  });
}

/** The new object with its managed fields after a create, an update or a patch that is not an apply. */
export function trackUpdate(live: KubernetesObject | undefined, next: KubernetesObject, type: Type, writer: Writer): KubernetesObject {
  const before = live ? withoutOwners(live) : skeleton(next);
  const changes = compare(before, withoutOwners(next), type);
  const stated = strip(union(changes.modified, changes.added), writer.subresource);
  const owners = ownersOf(next);
  const own = owners.find(({ entry }) => isWriter(entry, 'Update', writer));
  const rest = others(
    owners.filter((owner) => owner !== own),
    changes,
  );
  const kept = own ? difference(own.set, changes.removed) : new FieldSet();
  if (own && stated.empty) return withOwners(next, toEntries(rest, own, kept));
  const set = union(kept, stated);
  return withOwners(next, set.empty ? rest : [...rest, entryFor('Update', writer, set)]);
}

function toEntries(rest: ManagedFieldsEntry[], own: Owner, kept: FieldSet): ManagedFieldsEntry[] {
  return kept.empty ? rest : [...rest, { ...own.entry, fieldsV1: toFieldsV1(kept) }];
}

/** The new object after a server-side apply; `live` is undefined if it does not exist. Throws 409 with the causes if fields of others change without `force`. */
export function applyConfiguration(
  live: KubernetesObject | undefined,
  config: KubernetesObject,
  type: Type,
  writer: Writer,
  force: boolean,
): KubernetesObject {
  const base = live ? withoutOwners(live) : undefined;
  const owners = ownersOf(live);
  const own = owners.find(({ entry }) => isWriter(entry, 'Apply', writer));
  const foreign = owners.filter((owner) => owner !== own);
  const stated = strip(fieldsOf(config, type), writer.subresource);
  let next = merge(base, config, type) as KubernetesObject;
  if (own) {
    const owned = foreign.reduce((all, owner) => union(all, owner.set), union(stated, identity));
    next = removeDisowned(next, type, own.set, owned) as KubernetesObject;
  }
  const changes = compare(base, next, type);
  if (!force) refuseConflicts(foreign, changes);
  const rest = others(foreign, changes);
  if (own && live && equal(base, next) && equal(own.entry.fieldsV1, toFieldsV1(stated))) return live;
  return withOwners(next, stated.empty ? rest : [...rest, entryFor('Apply', writer, stated)]);
}

/** Identity is never removed, even if an applier no longer states it. */
const identity = ((): FieldSet => {
  const set = new FieldSet();
  for (const path of ownerless) set.insert(path);
  return set;
})();

function refuseConflicts(owners: Owner[], changes: Comparison): void {
  const touched = union(changes.modified, changes.added);
  const conflicts = owners.flatMap(({ entry, set }) =>
    [...intersection(set, touched).paths()].map((path) => ({ who: nameOf(entry), path: pathText(path) })),
  );
  const [first] = conflicts;
  if (!first) return;
  const causes = conflicts.map(({ who, path }) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field: path }));
  if (conflicts.length === 1) throw applyConflict(`Apply failed with 1 conflict: conflict with ${first.who}: ${first.path}`, causes);
  const managers = [...new Set(conflicts.map(({ who }) => who))].sort();
  const lines = managers.flatMap((who) => [
    `conflicts with ${who}:`,
    ...conflicts.filter((one) => one.who === who).map(({ path }) => `- ${path}`),
  ]);
  throw applyConflict(`Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`, causes);
}

function nameOf({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const name = subresource ? `"${manager}" with subresource "${subresource}"` : `"${manager}"`;
  return operation === 'Apply' ? name : `${name} using ${apiVersion}`;
}

function withoutOwners(object: KubernetesObject): KubernetesObject {
  if (!object.metadata.managedFields) return object;
  const metadata = { ...object.metadata };
  delete metadata.managedFields;
  return { ...object, metadata };
}

/** The fields of an empty object of the kind: structs that are always written and so are not owned by the creator. */
function skeleton(object: KubernetesObject): KubernetesObject {
  const empty = { apiVersion: object.apiVersion, kind: object.kind, metadata: {} } as KubernetesObject;
  if (object['spec'] !== undefined)
    empty['spec'] =
      object.kind === 'Deployment' || object.kind === 'ReplicaSet' ? { strategy: {}, template: { metadata: {}, spec: {} } } : {};
  if (object.kind === 'Pod') empty['spec'] = { containers: [] };
  if (object['status'] !== undefined) empty['status'] = {};
  return empty;
}
