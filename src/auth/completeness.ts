import { TypeMetadataStorage } from '@nestjs/graphql';
import { operationOf } from '../common/graphql/operation.ts';
import type { Resources } from '../common/resources.ts';
import { routes } from '../common/route.ts';
import { isAction } from './actions.ts';

/** What is asked for under a name, in REST or GraphQL, with what its decorator says. */
interface Asked {
  name: string;
  action: string | undefined;
  needs: (string | false | undefined)[];
}

function everything(): Asked[] {
  const operations = [TypeMetadataStorage.getQueriesMetadata(), TypeMetadataStorage.getMutationsMetadata(), TypeMetadataStorage.getSubscriptionsMetadata()];
  return [
    ...routes().map(({ method, path, action, idempotent, waits }) => ({ name: `${method} ${path}`, action, needs: [idempotent, waits] })),
    ...operations.flat().map(({ target, methodName, schemaName }) => {
      const handler = (target.prototype as Record<string, object>)[methodName];
      const operation = handler ? operationOf(handler) : null;
      return { name: schemaName, action: operation?.action, needs: [operation?.idempotent, operation?.waits] };
    }),
  ];
}

/** Refuses to start with something that nobody is authorized for, or whose effect nobody could read again. */
export function checkCompleteness(resources: Resources): void {
  for (const { name, action, needs } of everything()) {
    if (action === undefined || !isAction(action)) throw new Error(`${name} has no action of the table`);
    for (const resource of needs) {
      if (typeof resource === 'string' && !resources.has(resource)) throw new Error(`${name} needs ${resource}, which nobody reads`);
    }
  }
}
