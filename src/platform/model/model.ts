import { ArgsType, Field, InputType, ObjectType } from '@nestjs/graphql';
import { z } from 'zod';
import { graphqlType, nameInGraphql } from './graphql-type.ts';

/** A class that carries the schema of its instances. */
export interface Modelled<S extends z.ZodType = z.ZodType> {
  new (): z.output<S>;
  readonly schema: S;
}

type ObjectSchema<F extends z.ZodRawShape> = z.ZodObject<F, z.core.$strict>;
export type Refine<F extends z.ZodRawShape> = (schema: ObjectSchema<F>) => ObjectSchema<F>;

/** Schemas with a name: components of the OpenAPI document, referenced by `$ref`. */
export const components = z.registry<{ id: string }>();

/**
 * One definition of an entity or input: TypeScript type, validation, OpenAPI schema and GraphQL type at once. `.describe()` on a field is its public
 * documentation. The class that extends it has @Output, @Input, @Arguments or @Shape.
 */
export function Model<F extends z.ZodRawShape>(fields: F, refine: Refine<F> = (schema) => schema): Modelled<ObjectSchema<F>> {
  abstract class Fields {
    static readonly schema = refine(z.strictObject(fields));
  }
  for (const [name, schema] of Object.entries(fields)) {
    const { type, nullable, defaultValue } = graphqlType(schema);
    Field(type as never, { nullable, defaultValue: defaultValue as never, description: (schema as z.ZodType).description })(
      Fields.prototype,
      name,
    );
  }
  const bases = [ObjectType({ isAbstract: true }), InputType({ isAbstract: true }), ArgsType()] as ClassDecorator[];
  bases.forEach((decorate) => decorate(Fields));
  // Instances have the fields of the schema, which is no type that a class can declare.
  return Fields as unknown as Modelled<ObjectSchema<F>>;
}

/** For Model: exactly one of its fields is set. */
export function exactlyOne<F extends z.ZodRawShape>(schema: ObjectSchema<F>): ObjectSchema<F> {
  const names = Object.keys(schema.shape).join(', ');
  const isOne = (value: object): boolean => Object.values(value).filter((field) => field !== undefined).length === 1;
  return schema.refine(isOne, { error: `exactly one of ${names} is required` });
}

/** The names of the fields. */
export const fieldsOf = ({ schema }: Modelled): string[] => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []);

/** Names the class in OpenAPI and GraphQL, also where its schema is nested in another. */
function publish(target: Modelled, description: string, ...decorators: ClassDecorator[]): void {
  z.globalRegistry.add(target.schema, { description });
  components.add(target.schema, { id: target.name });
  nameInGraphql(target.schema, () => target);
  decorators.forEach((decorate) => decorate(target as never));
}

/** A response. */
export const Output = (description: string) => (target: Modelled) => publish(target, description, ObjectType({ description }));

/** A request body. */
export const Input =
  (description: string, options: { isOneOf?: boolean } = {}) =>
  (target: Modelled) =>
    publish(target, description, InputType({ description, ...options }));

/** Both response and request body; in GraphQL the input is named XInput. */
export const Shape =
  (description: string, options: { isOneOf?: boolean } = {}) =>
  (target: Modelled) =>
    publish(target, description, ObjectType({ description }), InputType(`${target.name}Input`, { description, ...options }));

/** The query of a REST route, or the arguments of a GraphQL field as one unnamed class. */
export const Arguments = () => (target: Modelled) => ArgsType()(target as never);
