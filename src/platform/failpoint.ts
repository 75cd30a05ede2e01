/**
 * Places where a test may kill the process as in a power failure. Each is between two effects that a crash could separate, and a crash at each must be
 * survivable. A feature adds its places by declaration, so that this module names none:
 *
 *     declare module '../platform/failpoint.ts' {
 *       interface Failpoints { orders: 'order-before-commit' }
 *     }
 */
export interface Failpoints {
  platform: never;
}

export type Failpoint = Failpoints[keyof Failpoints];

interface Armed {
  name: Failpoint;
  nth: number;
}

/** Parses `name` or `name:nth`: the failpoint, one of `known`, and at which pass to end the process (1 = the first). */
export function parseFailpoint(text: string | undefined, known: readonly Failpoint[]): Armed | null {
  if (!text) return null;
  const [given = '', nth = '1'] = text.split(':');
  const name = known.find((each) => each === given);
  if (name === undefined || !/^[1-9]\d*$/.test(nth))
    throw new Error(`SLIPWAY_FAILPOINT must be <name> or <name>:<nth> with a name of ${known.join(', ')}`);
  return { name, nth: Number(nth) };
}

let armed: Armed | null = null;
let passed = 0;

/** Arms the failpoint that SLIPWAY_FAILPOINT names. Throws if it is none of `known`. */
export function armFailpoint(known: readonly Failpoint[]): void {
  armed = parseFailpoint(process.env['SLIPWAY_FAILPOINT'], known);
}

/** Ends the process by SIGKILL if a test armed this failpoint. */
export function failpoint(name: Failpoint): void {
  if (armed?.name !== name) return;
  passed += 1;
  if (passed === armed.nth) process.kill(process.pid, 'SIGKILL');
}
