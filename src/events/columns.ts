import { Statements } from '../platform/db/statements.ts';

/** What the JSON columns of these tables hold. */
export interface EventColumns {
  events: { data: object };
}

export const tables = new Statements<EventColumns>();
