/** How the items of an associative list are identified. */
import { isFields } from '../objects.ts';
import type { Fields } from '../objects.ts';
import { defaultOf, fieldType, isList } from '../schema/schema.ts';
import type { ListType, Type } from '../schema/types.ts';

/** One step down into a value: the edge as FieldsV1 writes it, and the type and value there. */
export interface Descent {
  element: string;
  type: Type;
  value: unknown;
}

/** The edge that leads to an item of a list. */
export function elementOf(type: ListType, item: unknown): string {
  if (!type.keys) return `v:${JSON.stringify(item)}`;
  const keys: Fields = {};
  for (const name of [...type.keys].sort()) keys[name] = (isFields(item) ? item[name] : undefined) ?? defaultOf(type.list, name) ?? null;
  return `k:${JSON.stringify(keys)}`;
}

/** The parts of a value that server-side apply tracks separately; none for a leaf. Fields that the schema lacks are omitted. */
export function descend(type: Type, value: unknown): Descent[] {
  if (isList(type)) {
    if (!Array.isArray(value)) return [];
    return value.map((item: unknown) => ({ element: elementOf(type, item), type: type.list, value: item }));
  }
  if (!isFields(value)) return [];
  const found: Descent[] = [];
  for (const [name, part] of Object.entries(value)) {
    const partType = fieldType(type, name);
    if (partType !== undefined && part !== undefined) found.push({ element: `f:${name}`, type: partType, value: part });
  }
  return found;
}
