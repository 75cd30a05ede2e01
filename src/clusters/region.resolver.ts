import { Args, Resolver } from '@nestjs/graphql';
import { Mutation, Query } from '../platform/api/operation.ts';
import { type Connected, Connection, PageArguments, windowOf } from '../platform/api/page.ts';
import { CreateRegion, Region } from './region.model.ts';
import { RegionService } from './region.service.ts';

export const RegionConnection = Connection(Region);

@Resolver(() => Region)
export class RegionResolver {
  constructor(private readonly service: RegionService) {}

  @Query(() => RegionConnection, { action: 'regions.list', description: 'Regions, newest first.' })
  async regions(@Args() page: PageArguments): Promise<Connected<Region>> {
    return RegionConnection.of(await this.service.list(windowOf(page)), page);
  }

  @Mutation(() => Region, { action: 'regions.create', description: 'Creates a region.', idempotent: 'region' })
  createRegion(@Args('input') input: CreateRegion): Promise<Region> {
    return this.service.create(input);
  }
}
