import { ConfigError } from '../config.ts';
import { StartError } from './start-error.ts';

/** What a process has started and will have to stop. */
export interface Running {
  close(): Promise<void>;
}

/** How long an orderly stop may take before the process ends all the same. */
const STOP_MILLISECONDS = 20_000;
/** Signals so close to the first are that one again: Ctrl-C under npm comes from the terminal and from npm. */
const SAME_SIGNAL_MILLISECONDS = 1_000;

interface Fault {
  code?: string;
  port?: number;
  address?: string;
  /** The variable that the port was chosen with; none = PORT. */
  variable?: string;
  message: string;
}

/** What `migrate` adds to an error of the connection: where it was to go, which an unknown name's error does not say. */
interface Destination {
  destination?: { host: string; port: number };
}

const REFUSED_LOGIN = ['28P01', '28000'];
const UNREACHABLE = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNRESET'];

/** The fault itself: a name that has several addresses fails with an error for each. */
function innermost(error: unknown): Fault {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first : { message: String(first) };
}

function placeOf(error: unknown, address: string | undefined, port: number | undefined): string {
  if (address) return ` at ${address}:${port}`;
  const { destination } = error as Destination;
  return destination ? ` at ${destination.host}:${destination.port}` : '';
}

/** Why the process did not start, one line for each fault, with what to do where that is known. */
export function startFaults(error: unknown): string[] {
  if (error instanceof ConfigError) return error.lines;
  if (error instanceof StartError) return [error.message];
  const { code, port, address, variable = 'PORT', message } = innermost(error);
  if (code === 'EADDRINUSE')
    return [`Port ${port} is taken: stop what listens there, or choose another port with ${variable} (0 takes any free one).`];
  if (code === 'EACCES' && port) return [`Port ${port} may not be used by this user: choose one above 1023 with ${variable}.`];
  if (code && UNREACHABLE.includes(code))
    return [`The database cannot be reached${placeOf(error, address, port)} (${code}): check DATABASE_URL.`];
  if (code && REFUSED_LOGIN.includes(code))
    return [`The database refuses the login (${message}): check user and password in DATABASE_URL.`];
  if (code === '3D000') return [`The database does not exist (${message}): create it, or correct DATABASE_URL.`];
  return [`Slipway could not start: ${message.split('\n').filter(Boolean).join(' ')}`];
}

/** Says why the process did not start and ends it. */
export function failStart(error: unknown): never {
  for (const line of startFaults(error)) process.stderr.write(`${line}\n`);
  process.exit(1);
}

/** Resolves at the first signal to end. A second one, or what has not ended long after the first, ends the process at once. */
function askedToEnd(): Promise<void> {
  return new Promise((resolve) => {
    let first: number | null = null;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (first !== null && performance.now() - first > SAME_SIGNAL_MILLISECONDS) process.exit(130);
        if (first === null) setTimeout(() => process.exit(1), STOP_MILLISECONDS);
        first ??= performance.now();
        resolve();
      });
    }
  });
}

/** Runs what `start` starts until the process is asked to end, be it while it starts, then stops it in good order. */
export async function runUntilStopped(start: () => Promise<Running>): Promise<void> {
  const asked = askedToEnd();
  let running: Running;
  try {
    running = await start();
  } catch (error) {
    failStart(error);
  }
  await asked;
  try {
    await running.close();
  } catch (error) {
    process.stderr.write(`Slipway did not stop in good order: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
  process.exit();
}
