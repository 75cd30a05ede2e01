import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';

/** A literal as plain JSON. Variables inside it are refused, because the compiler of documents drops them. */
function literal(node: ValueNode): unknown {
  switch (node.kind) {
    case Kind.STRING:
    case Kind.BOOLEAN:
    case Kind.ENUM:
      return node.value;
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.LIST:
      return node.values.map(literal);
    case Kind.OBJECT:
      return Object.fromEntries(node.fields.map((field) => [field.name.value, literal(field.value)]));
    case Kind.NULL:
      return null;
    case Kind.VARIABLE:
      throw new GraphQLError('A JSON literal must not contain variables: pass the whole value as one variable.', { nodes: [node] });
  }
}

/** Free JSON. */
export const Json = new GraphQLScalarType({
  name: 'JSON',
  description: 'Any JSON value.',
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: literal,
});

const text = (value: unknown): string => {
  if (typeof value !== 'string') throw new GraphQLError('A time must be a string in RFC 3339, such as 2026-01-31T12:00:00.000Z.');
  return value;
};

/** A time. Inputs stay strings here; the model checks them, so that REST and GraphQL give the same faults. */
export const Instant = new GraphQLScalarType({
  name: 'DateTime',
  description: 'A time in RFC 3339, UTC with milliseconds.',
  serialize: (value) => (value instanceof Date ? value.toISOString() : value),
  parseValue: text,
  parseLiteral: (node) => text(node.kind === Kind.STRING ? node.value : undefined),
});
