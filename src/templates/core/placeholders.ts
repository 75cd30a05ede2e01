import type { Fault } from '../../platform/fault.ts';
import { isRecord } from '../../platform/json.ts';
import { at, own, type JsonValue } from './json.ts';
import { isAlwaysSet, PARAMETER_NAME, type Parameter, type Parameters, type ParameterType, type Scalar } from './parameters.ts';

const PLACEHOLDER = new RegExp(String.raw`\$\{\{\s*params\.(${PARAMETER_NAME})\s*\}\}`, 'g');
const OPENING = '${{';

/** A string split at its placeholders: texts and parameter names alternate, beginning and ending with a text. */
interface Cut {
  texts: string[];
  names: string[];
}

const cut = (text: string): Cut => {
  const parts = text.split(PLACEHOLDER);
  return { texts: parts.filter((_, index) => index % 2 === 0), names: parts.filter((_, index) => index % 2 === 1) };
};

const wholeName = ({ texts, names }: Cut): string | undefined =>
  names.length === 1 && texts.every((text) => text === '') ? names[0] : undefined;

/** The names of the parameters that a string refers to. */
export const parametersIn = (text: string): string[] => (text.includes(OPENING) ? cut(text).names : []);

/**
 * Replaces a string with a placeholder while a document is validated without values. Only the type and some possible values are known.
 */
export class Hole {
  /** Type of the later value; text around the placeholder makes it a string. */
  readonly type: Exclude<ParameterType, 'secretRef'>;
  /** Known possible values: the enum's, or the default. */
  readonly candidates: readonly Scalar[];
  /** The string as written. */
  readonly source: string;

  constructor(source: string, type: ParameterType, candidates: readonly Scalar[]) {
    this.source = source;
    this.type = type === 'secretRef' ? 'string' : type;
    this.candidates = candidates;
  }
}

const holeOf = (source: string, parameter: Parameter): Hole =>
  new Hole(source, parameter.type, parameter.enum ?? (parameter.default === undefined ? [] : [parameter.default]));

function holeOrText(text: string, parameters: Parameters, pointer: string, faults: Fault[]): Hole | string {
  if (!text.includes(OPENING)) return text;
  const parts = cut(text);
  const whole = wholeName(parts);
  const before = faults.length;
  if (parts.texts.some((part) => part.includes(OPENING)))
    faults.push({
      pointer,
      detail: 'contains "${{" but is not a placeholder: write ${{ params.name }}, or pass the text as the value of a parameter',
    });
  for (const name of new Set(parts.names)) {
    const parameter = own(parameters, name);
    if (!parameter) faults.push({ pointer, detail: `refers to the parameter "${name}", which is not declared` });
    else if (whole === undefined && !isAlwaysSet(parameter))
      faults.push({
        pointer,
        detail: `uses "${name}" inside a text, so it must always have a value: make the parameter required or give it a default`,
      });
  }
  if (whole === undefined || faults.length > before) return new Hole(text, 'string', []);
  return holeOf(text, own(parameters, whole) as Parameter);
}

/** A copy of a value in which every string with a placeholder is a Hole. Adds faults of placeholders to `faults`. */
export function withHoles(value: unknown, parameters: Parameters, pointer: string, faults: Fault[]): unknown {
  if (typeof value === 'string') return holeOrText(value, parameters, pointer, faults);
  if (Array.isArray(value)) return value.map((item: unknown, index) => withHoles(item, parameters, at(pointer, index), faults));
  if (!isRecord(value)) return value;
  const fields = Object.entries(value);
  for (const [key] of fields)
    if (key.includes(OPENING)) faults.push({ pointer: at(pointer, key), detail: 'is a name, but placeholders are only allowed in values' });
  return Object.fromEntries(fields.map(([key, field]) => [key, withHoles(field, parameters, at(pointer, key), faults)]));
}

/** Number of characters in a value's texts after substitution. To be checked before `substitute`: a long value in many places could exhaust the memory. */
export function substitutedLength(value: unknown, values: Readonly<Record<string, Scalar>>): number {
  if (typeof value === 'string') {
    if (!value.includes(OPENING)) return value.length;
    return cut(value).names.reduce((length, name) => length + textOf(own(values, name) ?? '').length, value.length);
  }
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((length, field) => length + substitutedLength(field, values), 0);
}

const textOf = (value: Scalar): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The string with its placeholders replaced; undefined if it is only a placeholder and that parameter is not set. */
function substituted(text: string, values: Readonly<Record<string, Scalar>>): Scalar | undefined {
  if (!text.includes(OPENING)) return text;
  const parts = cut(text);
  const whole = wholeName(parts);
  if (whole !== undefined) return own(values, whole);
  return parts.texts
    .map((part, index) => part + (index < parts.names.length ? textOf(own(values, parts.names[index] ?? '') ?? '') : ''))
    .join('');
}

/**
 * A copy of a value with every placeholder replaced, in one pass. Values are not scanned again, so they can add neither placeholders nor structure. A string
 * that is only a placeholder becomes the value with its type; if that parameter is not set, the field or list entry is omitted.
 */
export function substitute(value: unknown, values: Readonly<Record<string, Scalar>>): JsonValue | undefined {
  if (typeof value === 'string') return substituted(value, values);
  if (Array.isArray(value)) return value.map((item: unknown) => substitute(item, values)).filter((item) => item !== undefined);
  if (!isRecord(value)) return value as JsonValue;
  const fields = Object.entries(value).map(([key, field]) => [key, substitute(field, values)] as const);
  return Object.fromEntries(fields.filter(([, field]) => field !== undefined));
}
