import { StartError } from './start-error.ts';

/** What a process has started and has to stop. */
export interface Running {
  close(): Promise<void>;
}

/** How long an orderly stop may take before the process ends anyway. */
const STOP_MILLISECONDS = 20_000;
/** Signals this close to the first are duplicates: Ctrl-C under npm arrives from the terminal and from npm. */
const SAME_SIGNAL_MILLISECONDS = 1_000;

interface Fault {
  code?: string;
  port?: number;
  address?: string;
  /** The variable that sets the port; undefined = PORT. */
  variable?: string;
  message: string;
}

/** Added by `migrate` to a connection error: the host and port, which the error for an unknown name lacks. */
interface Destination {
  destination?: { host: string; port: number };
}

const REFUSED_LOGIN = ['28P01', '28000'];
const UNREACHABLE = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNRESET'];

/** The innermost error. A name with several addresses fails with one error for each. */
function innermost(error: unknown): Fault {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first : { message: String(first) };
}

function placeOf(error: unknown, address: string | undefined, port: number | undefined): string {
  if (address) return ` at ${address}:${port}`;
  const { destination } = error as Destination;
  return destination ? ` at ${destination.host}:${destination.port}` : '';
}

/** Why the process did not start: one line for each fault, with a remedy if one is known. */
export function startFaults(error: unknown): string[] {
  if (error instanceof StartError) return error.message.split('\n');
  const { code, port, address, variable = 'PORT', message } = innermost(error);
  if (code === 'EADDRINUSE')
    return [`Port ${port} is in use: stop the program that listens there, or choose another port with ${variable} (0 takes any free one).`];
  if (code === 'EACCES' && port) return [`This user may not use port ${port}: choose one above 1023 with ${variable}.`];
  if (code && UNREACHABLE.includes(code))
    return [`The database is unreachable${placeOf(error, address, port)} (${code}): check DATABASE_URL.`];
  if (code && REFUSED_LOGIN.includes(code))
    return [`The database refuses the login (${message}): check user and password in DATABASE_URL.`];
  if (code === '3D000') return [`The database does not exist (${message}): create it, or correct DATABASE_URL.`];
  return [`Slipway could not start: ${message.split('\n').filter(Boolean).join(' ')}`];
}

/** Prints why the process did not start, and ends it. */
export function failStart(error: unknown): never {
  for (const line of startFaults(error)) process.stderr.write(`${line}\n`);
  process.exit(1);
}

/** Signals that ask for an orderly end: Ctrl-C, a supervisor, a terminal that is closed. */
const ENDINGS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves at the first of these signals. The process ends at once at a second one, or if it has not stopped in time after the first. */
function askedToEnd(): Promise<void> {
  return new Promise((resolve) => {
    let first: number | null = null;
    for (const signal of ENDINGS) {
      process.on(signal, () => {
        if (first !== null && performance.now() - first > SAME_SIGNAL_MILLISECONDS) process.exit(130);
        if (first === null) setTimeout(() => process.exit(1), STOP_MILLISECONDS);
        first ??= performance.now();
        resolve();
      });
    }
  });
}

/** Runs what `start` starts until a signal to end, which may come during the start, then stops it in order. */
export async function runUntilStopped(start: () => Promise<Running>): Promise<void> {
  const asked = askedToEnd();
  // A terminal that is closed takes no more output, but there is still something to stop.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
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
    process.stderr.write(`Slipway did not stop cleanly: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
  process.exit();
}
