/** JSON merge patch (RFC 7386) and the strategic merge patch that kubectl sends. */
import { equal, isFields } from '../objects.ts';
import type { Fields } from '../objects.ts';
import { fieldType, isList } from '../schema/schema.ts';
import type { ListType, Type } from '../schema/types.ts';

export function applyMergePatch(value: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const merged: Fields = isFields(value) ? { ...value } : {};
  for (const [name, part] of Object.entries(patch)) {
    if (part === null) delete merged[name];
    else merged[name] = applyMergePatch(merged[name], part);
  }
  return merged;
}

const directive = (name: string): boolean => name.startsWith('$');

/** A strategic merge patch with its directives: `$patch`, `$retainKeys`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`. */
export function applyStrategicMergePatch(value: unknown, patch: unknown, type: Type | undefined): unknown {
  if (!isFields(patch)) return patch;
  if (patch['$patch'] === 'replace') return Object.fromEntries(Object.entries(patch).filter(([name]) => !directive(name)));
  if (patch['$patch'] === 'delete') return undefined;
  const merged: Fields = isFields(value) ? { ...value } : {};
  retainKeys(merged, patch['$retainKeys']);
  for (const [name, part] of Object.entries(patch)) {
    if (directive(name)) continue;
    const inner = type === undefined ? undefined : fieldType(type, name);
    if (part === null) delete merged[name];
    else if (Array.isArray(part) && inner && isList(inner) && inner.merge !== undefined)
      merged[name] = mergeLists(merged[name], part, inner);
    else {
      const result = applyStrategicMergePatch(merged[name], part, inner);
      if (result === undefined) delete merged[name];
      else merged[name] = result;
    }
  }
  for (const [name, order] of Object.entries(patch)) listDirective(merged, name, order, type);
  return merged;
}

function retainKeys(merged: Fields, keys: unknown): void {
  if (!Array.isArray(keys)) return;
  for (const name of Object.keys(merged)) if (!keys.includes(name)) delete merged[name];
}

function mergeLists(value: unknown, patch: readonly unknown[], type: ListType): unknown[] {
  let merged: unknown[] = Array.isArray(value) ? [...(value as unknown[])] : [];
  if (patch.some((item) => isFields(item) && item['$patch'] === 'replace')) {
    return patch.filter((item) => !(isFields(item) && item['$patch'] === 'replace'));
  }
  if (type.merge === '') return [...merged, ...patch.filter((item) => !merged.some((other) => equal(other, item)))];
  const key = type.merge ?? '';
  for (const item of patch) {
    if (!isFields(item)) continue;
    const index = merged.findIndex((other) => isFields(other) && equal(other[key], item[key]));
    if (item['$patch'] === 'delete') merged = merged.filter((_, at) => at !== index);
    else if (index < 0) merged.push(applyStrategicMergePatch({}, item, type.list));
    else merged[index] = applyStrategicMergePatch(merged[index], item, type.list);
  }
  return merged;
}

function listDirective(merged: Fields, name: string, value: unknown, type: Type | undefined): void {
  const [what, field] = name.split('/', 2);
  if (field === undefined || !Array.isArray(value) || !Array.isArray(merged[field])) return;
  const list = merged[field] as unknown[];
  if (what === '$deleteFromPrimitiveList') merged[field] = list.filter((item) => !value.includes(item));
  if (what !== '$setElementOrder') return;
  const inner = type === undefined ? undefined : fieldType(type, field);
  const key = inner && isList(inner) ? (inner.merge ?? '') : '';
  const rank = (item: unknown): number => {
    const found = value.findIndex((other: unknown) =>
      key === '' ? equal(other, item) : isFields(other) && isFields(item) && equal(other[key], item[key]),
    );
    return found < 0 ? value.length : found;
  };
  merged[field] = [...list].sort((left, right) => rank(left) - rank(right));
}
