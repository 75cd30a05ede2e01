/** Server-side apply's errors for a configuration that does not match the schema. */
import { isFields } from '../objects.ts';
import { isList, isMap, structType } from './schema.ts';
import type { Scalar, Type } from './types.ts';

/** Unknown fields and values of a wrong type. Of one struct's unknown fields, only the first is reported. */
export function applyComplaints(value: unknown, type: Type, path = ''): string[] {
  if (value === null || value === undefined || type === 'any') return [];
  if (typeof type === 'string') return scalarComplaint(value, type, path);
  if (isList(type)) {
    if (!Array.isArray(value)) return [`${path}: expected list, got &{${goText(value)}}`];
    return value.flatMap((item: unknown, index) => applyComplaints(item, type.list, itemPath(path, type.keys, item, index)));
  }
  if (!isFields(value)) return [`${path}: expected map, got &{${goText(value)}}`];
  const complaints: string[] = [];
  for (const [name, part] of Object.entries(value)) {
    const inner = isMap(type) ? type.map : structType(type.ref).fields[name];
    if (inner !== undefined) complaints.push(...applyComplaints(part, inner, `${path}.${name}`));
    else if (!complaints.some((text) => text.startsWith(`${path}.`) && text.endsWith(unknownText)))
      complaints.push(`${path}.${name}${unknownText}`);
  }
  return complaints;
}

const unknownText = ': field not declared in schema';

/** A value as Go prints it. */
function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isFields(value)) return String(value);
  return `map[${Object.entries(value)
    .map(([name, part]) => `${name}:${goText(part)}`)
    .join(' ')}]`;
}

function itemPath(path: string, keys: string[] | undefined, item: unknown, index: number): string {
  if (!keys || !isFields(item)) return `${path}[${index}]`;
  return `${path}[${keys.map((key) => `${key}=${JSON.stringify(item[key] ?? null)}`).join(',')}]`;
}

function scalarComplaint(value: unknown, type: Scalar, path: string): string[] {
  const found = typeof value;
  if (type === 'integer' || type === 'number') return found === 'number' ? [] : [`${path}: expected numeric (int or float), got ${found}`];
  const other = `got &value.valueUnstructured{Value:${goText(value)}}`;
  if (type === 'boolean') return found === 'boolean' ? [] : [`${path}: expected boolean, ${other}`];
  if (type === 'string' || type === 'time') return found === 'string' ? [] : [`${path}: expected string, ${other}`];
  return found === 'number' || found === 'string' ? [] : [`${path}: expected string, ${other}`];
}
