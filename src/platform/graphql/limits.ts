import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
  valueFromASTUntyped,
} from 'graphql';
import { Problem } from '../problem.ts';
import { costOfField } from '../api/operation.ts';

/** Limits of a document: bytes, aliases, rows, depth, and `first` of a nested list. */
export const LIMITS = { bytes: 16 * 1024, aliases: 15, cost: 10_000, depth: 16, nestedFirst: 50 } as const;

/** Cost of a set of selections. */
interface Cost {
  /** Rows that it may read; nested lists multiply. */
  rows: number;
  aliases: number;
  /** Fields within fields. */
  depth: number;
  /** Tokens of the root fields. */
  tokens: number;
}

const NOTHING: Cost = { rows: 0, aliases: 0, depth: 0, tokens: 0 };

type Variables = Record<string, unknown>;

/** Refuses a document that is too long. Also refuses a syntax tree in JSON, which Mercurius would execute without validation. */
export function checkSource(source: string): void {
  if (Buffer.byteLength(source) > LIMITS.bytes) throw new Problem('TOO_LARGE', 'The document is larger than 16 KB.');
  if (/^\s*(\{\s*["}]|[[\d"-]|(true|false|null)\b)/.test(source)) throw new Problem('GRAPHQL_INVALID', 'The document is not GraphQL.');
}

/** Computes the cost of executing the document, each fragment once, and refuses too much before anything is read. */
class Meter {
  private readonly fragments = new Map<string, FragmentDefinitionNode>();
  private readonly known = new Map<string, Cost>();
  private readonly roots: (GraphQLObjectType | null | undefined)[];

  constructor(
    private readonly schema: GraphQLSchema,
    document: DocumentNode,
    private readonly variables: Variables,
  ) {
    this.roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
    for (const node of document.definitions) if (node.kind === Kind.FRAGMENT_DEFINITION) this.fragments.set(node.name.value, node);
  }

  of(set: SelectionSetNode, parent: GraphQLObjectType | null, isNested: boolean): Cost {
    const total = { ...NOTHING };
    for (const selection of set.selections) {
      const cost =
        selection.kind === Kind.FIELD
          ? this.field(selection, parent, isNested)
          : selection.kind === Kind.FRAGMENT_SPREAD
            ? this.fragment(selection.name.value, isNested)
            : this.of(selection.selectionSet, this.objectType(selection.typeCondition?.name.value) ?? parent, isNested);
      total.rows += cost.rows;
      total.aliases += cost.aliases;
      total.depth = Math.max(total.depth, cost.depth);
      total.tokens += cost.tokens;
    }
    return total;
  }

  private fragment(name: string, isNested: boolean): Cost {
    const key = `${name} ${isNested}`;
    const before = this.known.get(key);
    const fragment = this.fragments.get(name);
    if (before || !fragment) return before ?? NOTHING;
    const cost = this.of(fragment.selectionSet, this.objectType(fragment.typeCondition.name.value), isNested);
    this.known.set(key, cost);
    return cost;
  }

  private field(node: FieldNode, parent: GraphQLObjectType | null, isNested: boolean): Cost {
    const aliases = node.alias ? 1 : 0;
    const definition = parent?.getFields()[node.name.value];
    const first = definition?.args.find((argument) => argument.name === 'first');
    const given = node.arguments?.find((argument) => argument.name.value === 'first');
    const size = given ? valueFromASTUntyped(given.value, this.variables) : undefined;
    const items = first ? (typeof size === 'number' ? Math.max(1, size) : Number(first.defaultValue ?? 50)) : 1;
    if (first && isNested && items > LIMITS.nestedFirst) {
      throw new Problem('GRAPHQL_INVALID', `A nested list takes \`first\` up to ${LIMITS.nestedFirst}.`, [
        { parameter: 'first', detail: `must be at most ${LIMITS.nestedFirst}` },
      ]);
    }
    const type = definition ? getNamedType(definition.type) : null;
    const below = node.selectionSet
      ? this.of(node.selectionSet, isObjectType(type) ? type : null, isNested || first !== undefined)
      : NOTHING;
    return {
      rows: first ? items * Math.max(1, below.rows) : below.rows,
      aliases: aliases + below.aliases,
      depth: 1 + below.depth,
      tokens: parent && this.roots.includes(parent) ? costOfField(parent.name, node.name.value) : 0,
    };
  }

  private objectType(name: string | undefined): GraphQLObjectType | null {
    const type = name === undefined ? undefined : this.schema.getType(name);
    return isObjectType(type) ? type : null;
  }
}

/** Refuses a subscription over HTTP, because a request has one response only. */
export function checkRequested(document: DocumentNode): void {
  const isSubscription = document.definitions.some(
    (node) => node.kind === Kind.OPERATION_DEFINITION && node.operation === OperationTypeNode.SUBSCRIPTION,
  );
  if (isSubscription) throw new Problem('GRAPHQL_INVALID', 'Subscriptions need a WebSocket (graphql-transport-ws) at /graphql.');
}

/** The variables with their defaults, as the operation is executed with them. */
function withDefaults(operation: OperationDefinitionNode, given: Variables): Variables {
  const defaults = (operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
    defaultValue ? [[variable.name.value, valueFromASTUntyped(defaultValue)] as const] : [],
  );
  return { ...Object.fromEntries(defaults), ...given };
}

/** Refuses a valid document that exceeds the limits. Returns its cost in tokens. */
export function checkCost(schema: GraphQLSchema, document: DocumentNode, variables: Variables): number {
  let total = 0;
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue;
    const meter = new Meter(schema, document, withDefaults(node, variables));
    const { rows, aliases, depth, tokens } = meter.of(node.selectionSet, schema.getRootType(node.operation) ?? null, false);
    total += tokens;
    if (depth > LIMITS.depth)
      throw new Problem('GRAPHQL_INVALID', `The document has a depth of ${depth}; at most ${LIMITS.depth} is taken.`);
    if (aliases > LIMITS.aliases)
      throw new Problem('GRAPHQL_INVALID', `The document has ${aliases} aliases; at most ${LIMITS.aliases} are allowed.`);
    if (rows > LIMITS.cost)
      throw new Problem('GRAPHQL_INVALID', `The lists of the document multiply to ${rows} rows; at most ${LIMITS.cost} are allowed.`);
  }
  return total;
}
