import { Float, ID, Int } from '@nestjs/graphql';
import type { z } from 'zod';
import { Instant, Json } from './scalars.ts';

/** The GraphQL type of a schema. It is a thunk, because the class of a nested shape may be declared later. */
export interface GraphqlType {
  type: () => unknown;
  nullable: boolean;
  defaultValue?: unknown;
}

/** Schema -> its class, enum object or scalar, for schemas with a name in GraphQL. */
const named = new WeakMap<object, () => unknown>();

/** Gives the schema, and every copy made by `.describe()`, a type in GraphQL. */
export function nameInGraphql(schema: z.core.$ZodType, type: () => unknown): void {
  named.set(schema, type);
}

function namedType(schema: z.core.$ZodType): (() => unknown) | undefined {
  for (let at: z.core.$ZodType | undefined = schema; at; at = at._zod.parent) {
    const found = named.get(at);
    if (found) return found;
  }
  return undefined;
}

const present = (type: unknown): GraphqlType => ({ type: () => type, nullable: false });

function stringType(format: string | undefined): GraphqlType {
  if (format === 'uuid') return present(ID);
  return present(format === 'datetime' ? Instant : String);
}

/** The GraphQL type of a field. A schema without a name or counterpart becomes free JSON. */
export function graphqlType(schema: z.core.$ZodType): GraphqlType {
  const byName = namedType(schema);
  if (byName) return { type: byName, nullable: false };
  const definition = (schema as z.core.$ZodTypes)._zod.def;
  switch (definition.type) {
    case 'optional':
    case 'nullable':
      return { ...graphqlType(definition.innerType), nullable: true };
    case 'default':
      return { ...graphqlType(definition.innerType), nullable: true, defaultValue: definition.defaultValue };
    case 'array': {
      const element = graphqlType(definition.element);
      return { type: () => [element.type()], nullable: false };
    }
    case 'string':
      return stringType('format' in definition ? String(definition.format) : undefined);
    case 'number':
      return present((schema as z.ZodNumber).isInt ? Int : Float);
    case 'literal':
    case 'boolean':
      return present(Boolean);
    case 'date':
      return present(Instant);
    case 'pipe':
      return graphqlType(definition.in);
    default:
      return present(Json);
  }
}
