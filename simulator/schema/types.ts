/** The types of `kubernetes.json`, which describes the fields of each kind. */

export type Scalar = 'string' | 'integer' | 'number' | 'boolean' | 'any' | 'quantity' | 'int-or-string' | 'time';

/** A reference to a struct in the table. `atomic`: server-side apply owns and replaces it as one value. */
export interface Reference {
  ref: string;
  atomic?: boolean;
}

/** A list: associative by `keys`, a `set` of scalars, or (neither) atomic. `merge` is the merge key of strategic merge patches, '' for a list of scalars. */
export interface ListType {
  list: Type;
  keys?: string[];
  set?: boolean;
  merge?: string;
}

export interface MapType {
  map: Type;
  atomic?: boolean;
}

export type Type = Scalar | Reference | ListType | MapType;

export interface StructType {
  fields: { [name: string]: Type };
  /** Defaults in the schema; others are in code. */
  defaults?: { [name: string]: string };
}

export interface TypeTable {
  notice: string;
  version: string;
  types: { [name: string]: StructType };
}
