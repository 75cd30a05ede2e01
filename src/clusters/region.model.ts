import { name, resource } from '../common/model/fields.ts';
import { Input, Model, Output } from '../common/model/model.ts';
import type { RegionRow } from './region.repository.ts';

@Output('A part of the world whose clusters the same workers serve.')
export class Region extends Model({ ...resource, name }) {}

@Input('What a new region needs.')
export class CreateRegion extends Model({ name }) {}

export const regionOf = ({ id, name, version, createdAt, updatedAt }: RegionRow): Region => ({ id, name, version, createdAt, updatedAt });
