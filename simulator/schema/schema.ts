/** Access to the table of types. */
import { readFileSync } from 'node:fs';
import type { ListType, MapType, Reference, StructType, Type, TypeTable } from './types.ts';

export const table = JSON.parse(readFileSync(new URL('./kubernetes.json', import.meta.url), 'utf8')) as TypeTable;

export function structType(name: string): StructType {
  const found = table.types[name];
  if (!found) throw new Error(`no type ${name} in the schema`);
  return found;
}

export const isReference = (type: Type): type is Reference => typeof type === 'object' && 'ref' in type;
export const isList = (type: Type): type is ListType => typeof type === 'object' && 'list' in type;
export const isMap = (type: Type): type is MapType => typeof type === 'object' && 'map' in type;

/** Whether server-side apply treats a value of this type as atomic. */
export function isLeaf(type: Type): boolean {
  if (typeof type === 'string') return true;
  if (isList(type)) return type.keys === undefined && type.set !== true;
  return type.atomic === true;
}

/** The type of a field of a struct or of an entry of a map; undefined if the schema lacks it. */
export function fieldType(type: Type, name: string): Type | undefined {
  if (isReference(type)) return structType(type.ref).fields[name];
  if (isMap(type)) return type.map;
  return undefined;
}

/** The schema's default for a field of a list's items, used for absent keys of an item. */
export function defaultOf(type: Type, name: string): string | undefined {
  return isReference(type) ? structType(type.ref).defaults?.[name] : undefined;
}
