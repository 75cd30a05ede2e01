import { Logger, SetMetadata } from '@nestjs/common';
import {
  Int,
  Mutation as NestMutation,
  Query as NestQuery,
  type ReturnTypeFunc,
  Subscription as NestSubscription,
  TypeMetadataStorage,
} from '@nestjs/graphql';
import { asProblem } from './problems.ts';
import { costOf } from './route.ts';

const log = new Logger('graphql');

export interface OperationOptions {
  /** Row of the role x action table. */
  action: string;
  description: string;
  name?: string;
  nullable?: boolean;
  /** Like that of a route; adds the argument `waitSeconds`. */
  waits?: string;
}

export interface MutationOptions extends OperationOptions {
  /** Like that of a route; adds the argument `idempotencyKey`. */
  idempotent?: string | false;
}

const METADATA = 'slipway:operation';

/** The operation of a resolver's method; null for the method of a field or of a route. */
export const operationOf = (handler: object): MutationOptions | null =>
  (Reflect.getMetadata(METADATA, handler) as MutationOptions | undefined) ?? null;

/** Field of Query, Mutation or Subscription -> its action. */
const actions = new Map<string, string>();

/** Cost of a root field in tokens; 1 for fields that are not ours, such as introspection. */
export function costOfField(type: string, field: string): number {
  const action = actions.get(`${type}.${field}`);
  return action === undefined ? 1 : costOf(action);
}

const waiting = ['waitSeconds', Int, 'Like `Prefer: wait`: seconds to wait for it to settle, at most 600.'] as const;
const repeating = [
  'idempotencyKey',
  String,
  'Makes it safe to repeat this within 24 hours: a repetition returns the result and changes nothing.',
] as const;

/** Adds an argument that an interceptor reads and the method does not receive. */
function addArgument(owner: object, method: string, [name, type, description]: readonly [string, unknown, string]): void {
  TypeMetadataStorage.addMethodParamMetadata({
    kind: 'arg',
    target: owner.constructor,
    methodName: method,
    name,
    index: 100,
    typeFn: () => type as never,
    options: { nullable: true },
    description,
  });
}

/** A field of Query. */
export function Query(type: ReturnTypeFunc, options: OperationOptions): MethodDecorator {
  return (target, key, descriptor) => {
    NestQuery(type, shown(options))(target, key, descriptor);
    note('Query', options, target, key, descriptor);
  };
}

/** A field of Mutation. */
export function Mutation(type: ReturnTypeFunc, options: MutationOptions): MethodDecorator {
  return (target, key, descriptor) => {
    NestMutation(type, shown(options))(target, key, descriptor);
    if (options.idempotent) addArgument(target, String(key), repeating);
    note('Mutation', options, target, key, descriptor);
  };
}

/** A field of Subscription. */
export function Subscription(type: ReturnTypeFunc, options: OperationOptions & { resolve?: (payload: never) => unknown }): MethodDecorator {
  return (target, key, descriptor) => {
    const { resolve } = options;
    guarded(descriptor, String(key));
    NestSubscription(type, { ...shown(options), ...(resolve ? { resolve: resolve as never } : {}) })(
      target,
      key,
      descriptor as TypedPropertyDescriptor<unknown>,
    );
    note('Subscription', options, target, key, descriptor);
  };
}

type Follow = (...given: unknown[]) => AsyncGenerator<unknown>;

/** On a socket no formatter is called, so errors of a generator are turned into problems here, and unexpected ones are logged. */
function guarded(descriptor: PropertyDescriptor, name: string): void {
  const follow = descriptor.value as Follow;
  async function* guard(this: unknown, ...given: unknown[]): AsyncGenerator<unknown> {
    try {
      yield* follow.apply(this, given);
    } catch (error) {
      const problem = asProblem(error);
      if (problem.code === 'INTERNAL') log.error({ message: problem.message, error });
      throw problem;
    }
  }
  descriptor.value = Object.defineProperty(guard, 'name', { value: name });
}

const shown = ({ description, name, nullable = false }: OperationOptions) => ({
  description,
  nullable,
  ...(name === undefined ? {} : { name }),
});

function note(type: string, options: MutationOptions, target: object, key: string | symbol, descriptor: PropertyDescriptor): void {
  actions.set(`${type}.${options.name ?? String(key)}`, options.action);
  if (options.waits !== undefined) addArgument(target, String(key), waiting);
  SetMetadata(METADATA, options)(target, key, descriptor);
}
