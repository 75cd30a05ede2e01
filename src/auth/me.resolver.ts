import { Resolver } from '@nestjs/graphql';
import { Query } from '../platform/api/operation.ts';
import { Me } from './me.model.ts';
import { MeService } from './me.service.ts';

@Resolver(() => Me)
export class MeResolver {
  constructor(private readonly service: MeService) {}

  @Query(() => Me, { action: 'me.get', description: 'The caller: tenant, key, role, quotas and their use, Pod Security level.' })
  me(): Promise<Me> {
    return this.service.get();
  }
}
