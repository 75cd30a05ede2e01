import { getOperationAST, getVariableValues, type GraphQLSchema, OperationTypeNode, parse, validate } from 'graphql';
import { Problem } from '../problem.ts';
import { checkCost, checkSource } from './limits.ts';

/** What is asked for over a socket. */
export interface SubscriptionRequest {
  query: string;
  variables: Record<string, unknown>;
  operationName: string | null;
}

/** Checks a subscription as a document over HTTP is checked, and answers what it costs in tokens. Throws a problem, an error of GraphQL, or a list of them. */
export function checkSubscription(schema: GraphQLSchema, { query, variables, operationName }: SubscriptionRequest): number {
  checkSource(query);
  const document = parse(query);
  const faults = validate(schema, document);
  if (faults.length > 0) throw faults as unknown as Error;
  const operation = getOperationAST(document, operationName);
  if (!operation) throw new Problem('GRAPHQL_INVALID', 'The document has no operation of that name, or several and none was named.');
  if (operation.operation !== OperationTypeNode.SUBSCRIPTION)
    throw new Problem('GRAPHQL_INVALID', 'A socket takes subscriptions; queries and mutations are asked by POST.');
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  if (errors) throw errors as unknown as Error;
  return checkCost(schema, document, variables);
}
