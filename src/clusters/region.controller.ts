import { Body, Controller, Query } from '@nestjs/common';
import { type Page, PageOf, PageQuery, windowOf } from '../platform/api/page.ts';
import { Route } from '../platform/api/route.ts';
import { CreateRegion, Region } from './region.model.ts';
import { RegionService } from './region.service.ts';

@Controller()
export class RegionController {
  constructor(private readonly regions: RegionService) {}

  @Route('GET', '/regions', { action: 'regions.list', summary: 'Lists regions, newest first.', answers: PageOf(Region) })
  list(@Query() query: PageQuery): Promise<Page<Region>> {
    return this.regions.list(windowOf(query));
  }

  @Route('POST', '/regions', {
    action: 'regions.create',
    summary: 'Creates a region.',
    status: 201,
    answers: Region,
    idempotent: 'region',
    location: () => '/v1/regions',
  })
  create(@Body() input: CreateRegion): Promise<Region> {
    return this.regions.create(input);
  }
}
