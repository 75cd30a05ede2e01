import { isRecord } from '../../platform/json.ts';

/** A part of a path into an object: the name of a field or key, or an index. */
export type Segment = string | number;

const PART = /\.?([^.[\]]+)|\[([^\]]*)\]/gy;
/** The entry of a list whose fields have these values: `name="web"`, `containerPort=80,protocol="TCP"`. */
function entryOf(list: readonly unknown[], text: string): number | null {
  const keys = text.split(',').map((key) => [key.slice(0, Math.max(0, key.indexOf('='))), key.slice(key.indexOf('=') + 1)] as const);
  const index = list.findIndex((entry) => isRecord(entry) && keys.every(([name, value]) => JSON.stringify(entry[name]) === value));
  return index < 0 ? null : index;
}

/**
 * The path of a field as an API server names it, in the object that it is about: `spec.template.spec.containers[0].image`, `...resources.limits[cpu]`, or, in errors
 * of server-side apply, `.spec.template.spec.containers[name="web"].image`. It ends where the text is not understood.
 */
export function pathIn(object: unknown, field: string): Segment[] {
  const path: Segment[] = [];
  let value: unknown = object;
  for (const [, name, bracket] of field.matchAll(PART)) {
    const list = Array.isArray(value) ? (value as unknown[]) : null;
    const text = name ?? bracket ?? '';
    const segment = list === null ? text : /^\d+$/.test(text) ? Number(text) : entryOf(list, text);
    if (segment === null) break;
    path.push(segment);
    value = list !== null ? list[segment as number] : isRecord(value) ? value[segment] : undefined;
  }
  return path;
}
