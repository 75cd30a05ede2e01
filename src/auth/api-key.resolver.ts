import { Args, Int, Resolver } from '@nestjs/graphql';
import { ifVersion } from '../platform/api/etag.ts';
import { Mutation, Query } from '../platform/api/operation.ts';
import { type Connected, Connection, PageArguments, windowOf } from '../platform/api/page.ts';
import { ApiKey, CreateApiKey, RotateApiKey } from './api-key.model.ts';
import { ApiKeyService } from './api-key.service.ts';

export const ApiKeyConnection = Connection(ApiKey);

@Resolver(() => ApiKey)
export class ApiKeyResolver {
  constructor(private readonly keys: ApiKeyService) {}

  @Query(() => ApiKeyConnection, { action: 'apiKeys.list', description: "The tenant's keys, newest first." })
  async apiKeys(@Args() page: PageArguments): Promise<Connected<ApiKey>> {
    return ApiKeyConnection.of(await this.keys.list(windowOf(page)), page);
  }

  @Query(() => ApiKey, { action: 'apiKeys.list', description: 'A key without its secret.' })
  apiKey(@Args('apiKey', { description: 'Id or name.' }) reference: string): Promise<ApiKey> {
    return this.keys.get(reference);
  }

  @Mutation(() => ApiKey, {
    action: 'apiKeys.create',
    description: 'Creates a key. The secret is returned only in this response.',
    idempotent: 'apiKey',
  })
  createApiKey(@Args('input') input: CreateApiKey): Promise<ApiKey> {
    return this.keys.create(input);
  }

  @Mutation(() => ApiKey, {
    action: 'apiKeys.rotate',
    description: 'Replaces a key by a new one with the same name and role.',
    idempotent: 'apiKey',
  })
  rotateApiKey(
    @Args('apiKey', { description: 'Id or name.' }) reference: string,
    @Args('input', { nullable: true }) input: RotateApiKey,
  ): Promise<ApiKey> {
    return this.keys.rotate(reference, input);
  }

  @Mutation(() => Boolean, { action: 'apiKeys.delete', description: 'Revokes a key.' })
  async deleteApiKey(
    @Args('apiKey', { description: 'Id or name.' }) reference: string,
    @Args('ifVersion', {
      type: () => Int,
      nullable: true,
      description: 'The expected version; the request is refused (STALE) if the current one differs.',
    })
    version?: number,
  ): Promise<boolean> {
    await this.keys.delete(reference, ifVersion(version));
    return true;
  }
}
