import { z } from 'zod';
import type { Fault } from '../../platform/fault.ts';
import { at, own } from './json.ts';
import { textFault } from './limits.ts';

/** The value of a parameter. */
export type Scalar = string | number | boolean;

export const PARAMETER_TYPES = ['string', 'integer', 'number', 'boolean', 'secretRef'] as const;
export type ParameterType = (typeof PARAMETER_TYPES)[number];

/** The longest value of a string parameter, in characters. */
const MAX_STRING = 65_536;
const SECRET_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Pattern of a parameter's name, also used for placeholders. */
export const PARAMETER_NAME = '[A-Za-z][A-Za-z0-9_]{0,62}';

const scalar = z.union([z.string(), z.number(), z.boolean()], { error: 'must be a string, a number or a boolean' });

/** One declared parameter of a template. `secretRef` is the name of a Secret that exists in the cluster; a secret itself is never a value. */
export const parameterSchema = z.strictObject({
  type: z.enum(PARAMETER_TYPES),
  description: z.string().max(1000).optional(),
  required: z.boolean().optional(),
  default: scalar.optional(),
  enum: z.array(scalar).min(1).max(100).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});
export type Parameter = z.infer<typeof parameterSchema>;
export type Parameters = Readonly<Record<string, Parameter>>;

const isNumeric = (type: ParameterType): boolean => type === 'integer' || type === 'number';

/** Why a value does not have the parameter's type; null if it has. */
function typeFault(type: ParameterType, value: unknown): string | null {
  switch (type) {
    case 'integer':
      return Number.isSafeInteger(value) ? null : 'must be an integer';
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? null : 'must be a number';
    case 'boolean':
      return typeof value === 'boolean' ? null : 'must be true or false';
    case 'secretRef':
      if (typeof value !== 'string') return 'must be a string, the name of a Secret';
      return value.length <= 253 && SECRET_NAME.test(value)
        ? null
        : 'must be the name of a Secret: lower-case letters, digits, "-" and "."';
    case 'string':
      if (typeof value !== 'string') return 'must be a string';
      return value.length > MAX_STRING ? `must have at most ${MAX_STRING} characters` : textFault(value);
  }
}

/** Why a parameter does not accept a value (type, enum, minimum, maximum); null if it does. */
export function valueFault(parameter: Parameter, value: unknown): string | null {
  const wrong = typeFault(parameter.type, value);
  if (wrong) return wrong;
  if (parameter.enum && !parameter.enum.includes(value as Scalar)) return `must be one of ${parameter.enum.join(', ')}`;
  if (typeof value !== 'number') return null;
  if (parameter.minimum !== undefined && value < parameter.minimum) return `must be at least ${parameter.minimum}`;
  if (parameter.maximum !== undefined && value > parameter.maximum) return `must be at most ${parameter.maximum}`;
  return null;
}

/** Faults of a declaration beyond its schema: bounds without an order, or an enum or default that the parameter does not accept. `pointer` is its place. */
export function declarationFaults(parameter: Parameter, pointer: string): Fault[] {
  const faults: Fault[] = [];
  const { type, minimum, maximum } = parameter;
  for (const field of ['minimum', 'maximum'] as const)
    if (parameter[field] !== undefined && !isNumeric(type))
      faults.push({ pointer: at(pointer, field), detail: 'is only allowed for integer and number' });
  if (minimum !== undefined && maximum !== undefined && minimum > maximum)
    faults.push({ pointer: at(pointer, 'maximum'), detail: `must be at least the minimum, ${minimum}` });
  if (parameter.enum && type === 'boolean') faults.push({ pointer: at(pointer, 'enum'), detail: 'is not allowed for a boolean' });
  parameter.enum?.forEach((value, index) => {
    const detail = valueFault({ ...parameter, enum: undefined }, value);
    if (detail) faults.push({ pointer: at(pointer, 'enum', index), detail });
  });
  if (parameter.default !== undefined && faults.length === 0) {
    const detail = valueFault(parameter, parameter.default);
    if (detail) faults.push({ pointer: at(pointer, 'default'), detail });
  }
  return faults;
}

/** True if a parameter always has a value after `resolveValues`. */
export const isAlwaysSet = (parameter: Parameter): boolean => parameter.required === true || parameter.default !== undefined;

/**
 * The value of every parameter: the template's default, overridden by each layer in turn (the workload's, then the placement's). A parameter that is neither
 * required nor set stays absent.
 *
 * @returns the values, or every fault at `/values/<name>`: unknown names, wrong types, values out of range (even if a later layer overrides them), and missing
 * required values
 */
export function resolveValues(
  parameters: Parameters | undefined,
  ...layers: (Readonly<Record<string, unknown>> | null | undefined)[]
): { values: Record<string, Scalar> } | { faults: Fault[] } {
  const declared = parameters ?? {};
  const resolved = new Map<string, Scalar>();
  const faults = new Map<string, Fault>();
  const blame = (name: string, detail: string): void => {
    const pointer = at('/values', name);
    if (!faults.has(pointer)) faults.set(pointer, { pointer, detail });
  };
  for (const [name, parameter] of Object.entries(declared)) if (parameter.default !== undefined) resolved.set(name, parameter.default);
  for (const layer of layers)
    for (const [name, value] of Object.entries(layer ?? {})) {
      const parameter = own(declared, name);
      const detail = parameter ? valueFault(parameter, value) : 'is not a parameter of this revision';
      if (detail) blame(name, detail);
      else resolved.set(name, value as Scalar);
    }
  for (const [name, parameter] of Object.entries(declared)) if (parameter.required && !resolved.has(name)) blame(name, 'is required');
  return faults.size
    ? { faults: [...faults.values()] }
    : { values: Object.fromEntries([...resolved].sort(([a], [b]) => (a < b ? -1 : 1))) };
}
