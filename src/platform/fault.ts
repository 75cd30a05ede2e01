/** One thing that is wrong with a request: where, and why. */
export interface Fault {
  /** JSON Pointer into the body. */
  pointer?: string;
  /** Name of the query parameter or header. */
  parameter?: string;
  detail: string;
}
