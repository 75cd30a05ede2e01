import { TypeMetadataStorage } from '@nestjs/graphql';
import { operationOf } from '../platform/api/operation.ts';
import type { Resources } from '../platform/api/resources.ts';
import { routes } from '../platform/api/route.ts';
import { isAction } from './actions.ts';

/** A named operation of REST or GraphQL, with the options of its decorator. */
interface Asked {
  name: string;
  action: string | undefined;
  needs: (string | false | undefined)[];
}

function operations(): Asked[] {
  const kinds = [
    TypeMetadataStorage.getQueriesMetadata(),
    TypeMetadataStorage.getMutationsMetadata(),
    TypeMetadataStorage.getSubscriptionsMetadata(),
  ];
  return kinds.flat().map(({ target, methodName, schemaName }) => {
    const handler = (target.prototype as Record<string, object>)[methodName];
    const operation = handler ? operationOf(handler) : null;
    return { name: schemaName, action: operation?.action, needs: [operation?.idempotent, operation?.waits] };
  });
}

/** Every field of Query, Mutation and Subscription with its action. */
export const operationsByName = (): Record<string, string> =>
  Object.fromEntries(operations().map(({ name, action }) => [name, action ?? '']));

function everything(): Asked[] {
  const asked = routes().map(({ method, path, action, idempotent, waits }) => ({
    name: `${method} ${path}`,
    action,
    needs: [idempotent, waits],
  }));
  return [...asked, ...operations()];
}

/** Throws at start if an operation has no action, or names a resource without a reader. */
export function checkCompleteness(resources: Resources): void {
  for (const { name, action, needs } of everything()) {
    if (action === undefined || !isAction(action)) throw new Error(`${name} has no action in the table`);
    for (const resource of needs) {
      if (typeof resource === 'string' && !resources.has(resource)) throw new Error(`${name} needs ${resource}, which has no reader`);
    }
  }
}
