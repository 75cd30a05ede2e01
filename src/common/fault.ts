/** One thing that is wrong with what a client sent: where (a JSON Pointer into the body, RFC 6901, or the name of a query parameter) and what, as a phrase that reads on from the place. */
export interface Fault {
  pointer?: string;
  parameter?: string;
  detail: string;
}
