import { Injectable } from '@nestjs/common';
import { Database } from '../platform/db/database.ts';
import { newId } from '../platform/id.ts';
import { type Page, pageOf, type Window } from '../platform/api/page.ts';
import { notFound } from '../platform/problem.ts';
import { Resources } from '../platform/api/resources.ts';
import { type CreateRegion, type Region, regionOf } from './region.model.ts';
import { RegionRepository, type RegionRow } from './region.repository.ts';

@Injectable()
export class RegionService {
  constructor(
    private readonly database: Database,
    private readonly regions: RegionRepository,
    resources: Resources,
  ) {
    resources.add('region', async (id) => {
      const row = await this.find(id);
      if (!row) throw notFound('Region', id);
      return regionOf(row);
    });
  }

  create({ name }: CreateRegion): Promise<Region> {
    return this.database.transaction(async () => regionOf(await this.regions.create(newId(), name)));
  }

  async list(window: Window): Promise<Page<Region>> {
    return pageOf(await this.regions.list(window), window.limit, (row) => row.id, regionOf);
  }

  find(reference: string): Promise<RegionRow | null> {
    return this.regions.find(reference);
  }
}
