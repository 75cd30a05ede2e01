import { getOperationAST, getVariableValues, type GraphQLSchema, OperationTypeNode, parse, validate } from 'graphql';
import { Problem } from '../problem.ts';
import { checkCost, checkSource } from './limits.ts';

/** A subscription requested over a socket. */
export interface SubscriptionRequest {
  query: string;
  variables: Record<string, unknown>;
  operationName: string | null;
}

/** Checks a subscription like a document over HTTP. Returns its cost in tokens. Throws a problem, a GraphQL error, or a list of them. */
export function checkSubscription(schema: GraphQLSchema, { query, variables, operationName }: SubscriptionRequest): number {
  checkSource(query);
  const document = parse(query);
  const faults = validate(schema, document);
  if (faults.length > 0) throw faults as unknown as Error;
  const operation = getOperationAST(document, operationName);
  if (!operation)
    throw new Problem('GRAPHQL_INVALID', 'The document has no operation with this name, or several without a name in the request.');
  if (operation.operation !== OperationTypeNode.SUBSCRIPTION)
    throw new Problem('GRAPHQL_INVALID', 'A socket accepts subscriptions only; send queries and mutations by POST.');
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  if (errors) throw errors as unknown as Error;
  return checkCost(schema, document, variables);
}
