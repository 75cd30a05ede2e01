import { Logger } from '@nestjs/common';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { asProblem } from '../api/problems.ts';
import { factsOfCode, Problem } from '../problem.ts';

const log = new Logger('graphql');

/** Splits the wrapper in which parse and validation errors arrive. Other errors with an `.errors` field are left alone: theirs may be anything. */
function separate(error: GraphQLError): readonly GraphQLError[] {
  const list = ((error.originalError ?? error) as { errors?: unknown }).errors;
  if (!Array.isArray(list) || list.length === 0) return [error];
  if (list.every((item) => item instanceof GraphQLError)) return list;
  return list.every((item) => item instanceof Error && isMercurius(item))
    ? list.map((item: Error) => new GraphQLError(item.message))
    : [error];
}

/** The error inside the wrappers of GraphQL, its compiler and Mercurius. */
function original(error: GraphQLError): unknown {
  let at: unknown = error.originalError;
  while (at instanceof GraphQLError && at.originalError) at = at.originalError;
  return at;
}

function format(error: GraphQLError, requestId: string | null): GraphQLFormattedError {
  const { locations, path } = error;
  const place = { ...(locations ? { locations } : {}), ...(path ? { path } : {}) };
  const cause = original(error);
  const isAboutDocument =
    cause === undefined || cause === null || cause instanceof GraphQLError || (isMercurius(cause) && !isTooLarge(cause));
  const problem = isAboutDocument ? new Problem('GRAPHQL_INVALID', error.message) : asProblem(cause);
  if (problem.code === 'INTERNAL') log.error({ message: problem.message, requestId, error: cause });
  const { status } = factsOfCode(problem.code);
  return { message: problem.message, ...place, extensions: { code: problem.code, status, errors: problem.faults, requestId } };
}

const isMercurius = (error: unknown): boolean =>
  String((error as { code?: unknown }).code).startsWith('MER_') || String((error as { code?: unknown }).code).startsWith('FST_');

const isTooLarge = (error: unknown): boolean => (error as { statusCode?: unknown }).statusCode === 413;

/** The status is 200 once execution has begun. A document that cannot be executed is 400, or the problem's status. */
export function formatErrors(execution: { data?: unknown; errors?: readonly Error[] | undefined }, requestId: string | null) {
  const errors = (execution.errors ?? [])
    .flatMap((error) => (error instanceof GraphQLError ? separate(error) : [new GraphQLError(error.message, { originalError: error })]))
    .map((error) => format(error, requestId));
  const causes = (execution.errors ?? []).map((error) => (error instanceof GraphQLError ? original(error) : error));
  const waiting = causes.find((error): error is Problem => error instanceof Problem && error.retryAfterSeconds !== null);
  const hasBegun = Boolean(execution.data) || errors.some((error) => error.path);
  const status = Number(errors[0]?.extensions?.['status'] ?? 400);
  const statusCode = hasBegun ? 200 : status === 413 || status === 429 || status >= 500 ? status : 400;
  return {
    statusCode,
    retryAfterSeconds: waiting?.retryAfterSeconds ?? null,
    response: { data: (execution.data ?? null) as never, errors },
  };
}
