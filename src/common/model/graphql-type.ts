import { Float, ID, Int } from '@nestjs/graphql';
import type { z } from 'zod';
import { Instant, Json } from '../graphql/scalars.ts';

/** What GraphQL makes of a schema: a thunk, because the class of a nested shape may be declared later. */
export interface GraphqlType {
  type: () => unknown;
  nullable: boolean;
  defaultValue?: unknown;
}

/** Only what is read here of zod's own definition of a schema. */
interface Definition {
  type: string;
  innerType?: z.ZodType;
  element?: z.ZodType;
  in?: z.ZodType;
  format?: string;
  defaultValue?: unknown;
}

/** Schema -> its class, enum object or scalar, for the schemas that GraphQL knows by a name. */
const named = new WeakMap<object, () => unknown>();

/** Gives the schema, and every copy that `.describe()` makes of it, a type in GraphQL. */
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

/** The GraphQL type of a field; what has no name and no counterpart of its own is free JSON. */
export function graphqlType(schema: z.core.$ZodType): GraphqlType {
  const byName = namedType(schema);
  if (byName) return { type: byName, nullable: false };
  const definition = (schema as z.ZodType).def as unknown as Definition;
  switch (definition.type) {
    case 'optional':
    case 'nullable':
      return { ...graphqlType(definition.innerType as z.ZodType), nullable: true };
    case 'default':
      return { ...graphqlType(definition.innerType as z.ZodType), nullable: true, defaultValue: definition.defaultValue };
    case 'array': {
      const element = graphqlType(definition.element as z.ZodType);
      return { type: () => [element.type()], nullable: false };
    }
    case 'string':
      return stringType(definition.format);
    case 'number':
      return present((schema as z.ZodNumber).isInt ? Int : Float);
    case 'literal':
    case 'boolean':
      return present(Boolean);
    case 'date':
      return present(Instant);
    case 'pipe':
      return graphqlType(definition.in as z.ZodType);
    default:
      return present(Json);
  }
}
