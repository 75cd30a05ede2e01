import { Enum } from '../common/model/fields.ts';
import { Arguments, Model } from '../common/model/model.ts';

export const ObjectsOnRemoval = Enum(
  'ObjectsOnRemoval',
  { DELETE: 'DELETE', ORPHAN: 'ORPHAN' } as const,
  'What becomes of the objects in the clusters: they are deleted, or left running without us.',
);

/** `?objects=` */
@Arguments()
export class RemoveQuery extends Model({ objects: ObjectsOnRemoval.optional() }) {}
