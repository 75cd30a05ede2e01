/** JSON Patch (RFC 6902). */
import { equal, isFields } from '../objects.ts';
import type { Fields } from '../objects.ts';
import { badRequest, StatusError } from '../status.ts';

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

/** A failing `test`, or a missing path, is a 422, as in the API server. */
const unprocessable = (): StatusError =>
  new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});

const segments = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

export function applyJsonPatch(document: Fields, patch: unknown): Fields {
  if (!Array.isArray(patch)) throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  const copy = { root: structuredClone(document) as unknown };
  for (const operation of patch as Operation[]) apply(copy, operation);
  return copy.root as Fields;
}

function apply(document: { root: unknown }, { op, path, from, value }: Operation): void {
  const target = ['root', ...segments(path)];
  switch (op) {
    case 'test':
      if (!equal(read(document, target) ?? null, value ?? null)) throw unprocessable();
      return;
    case 'add':
      return write(document, target, value, true);
    case 'replace':
      // The server's library treats the replacement of an absent field as an addition.
      return write(document, target, value, false);
    case 'remove':
      return remove(document, target);
    case 'move':
    case 'copy': {
      const source = ['root', ...segments(from ?? '')];
      const moved = structuredClone(read(document, source));
      if (op === 'move') remove(document, source);
      return write(document, target, moved, true);
    }
    default:
      throw badRequest(`unexpected kind: ${op}`);
  }
}

function read(at: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (Array.isArray(value) ? value[Number(part)] : isFields(value) ? value[part] : undefined),
    at,
  );
}

function parentOf(document: unknown, path: readonly string[]): { parent: unknown; name: string } {
  return { parent: read(document, path.slice(0, -1)), name: path.at(-1) ?? '' };
}

function write(document: unknown, path: readonly string[], value: unknown, insert: boolean): void {
  const { parent, name } = parentOf(document, path);
  if (Array.isArray(parent)) {
    const index = name === '-' ? parent.length : Number(name);
    if (!(index >= 0 && index <= parent.length)) throw unprocessable();
    parent.splice(index, insert ? 0 : 1, value);
  } else if (isFields(parent)) parent[name] = value;
  else throw unprocessable();
}

function remove(document: unknown, path: readonly string[]): void {
  const { parent, name } = parentOf(document, path);
  if (read(document, path) === undefined) throw unprocessable();
  if (Array.isArray(parent)) parent.splice(Number(name), 1);
  else if (isFields(parent)) delete parent[name];
}
