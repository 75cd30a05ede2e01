import { Enum } from '../../platform/model/fields.ts';
import { Arguments, Model } from '../../platform/model/model.ts';

export const ObjectsOnRemoval = Enum(
  'ObjectsOnRemoval',
  { DELETE: 'DELETE', ORPHAN: 'ORPHAN' } as const,
  'The objects in the clusters are deleted, or left running without Slipway.',
);

/** `?objects=` */
@Arguments()
export class RemoveQuery extends Model({ objects: ObjectsOnRemoval.optional() }) {}
