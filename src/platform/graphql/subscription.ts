import { getOperationAST, getVariableValues, type GraphQLError, type GraphQLSchema, OperationTypeNode, parse, validate } from 'graphql';
import { Problem } from '../problem.ts';
import { checkCost, checkSource } from './limits.ts';

/** A subscription requested over a socket. */
export interface SubscriptionRequest {
  query: string;
  variables: Record<string, unknown>;
  operationName: string | null;
}

/** A document with several faults. */
export class InvalidDocument extends Error {
  override readonly name = 'InvalidDocument';

  constructor(readonly faults: readonly GraphQLError[]) {
    super(faults.map((fault) => fault.message).join('\n'));
  }
}

/** Checks a subscription like a document over HTTP. Returns its cost in tokens. @throws Problem, GraphQLError or InvalidDocument */
export function checkSubscription(schema: GraphQLSchema, { query, variables, operationName }: SubscriptionRequest): number {
  checkSource(query);
  const document = parse(query);
  const faults = validate(schema, document);
  if (faults.length > 0) throw new InvalidDocument(faults);
  const operation = getOperationAST(document, operationName);
  if (!operation)
    throw new Problem('GRAPHQL_INVALID', 'The document has no operation with this name, or several without a name in the request.');
  if (operation.operation !== OperationTypeNode.SUBSCRIPTION)
    throw new Problem('GRAPHQL_INVALID', 'A socket accepts subscriptions only; send queries and mutations by POST.');
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  if (errors) throw new InvalidDocument(errors);
  return checkCost(schema, document, variables);
}
