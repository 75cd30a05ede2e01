import { name, resource } from '../platform/model/fields.ts';
import { Input, Model, Output } from '../platform/model/model.ts';
import type { RegionRow } from './region.repository.ts';

@Output('A group of clusters that are served by the same workers.')
export class Region extends Model({ ...resource, name }) {}

@Input('A new region.')
export class CreateRegion extends Model({ name }) {}

export const regionOf = ({ id, name, version, createdAt, updatedAt }: RegionRow): Region => ({ id, name, version, createdAt, updatedAt });
