import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  /** Set before we end it ourselves, so that an exit of its own is told from one that was asked for. */
  expected: boolean;
}

/**
 * The processes of one control plane. Each has its own log file and session, and holds no pipe of ours: a `| tail` behind the caller does not wait
 * for it. A guard process ends all of them when this process dies, however it dies.
 */
export class Processes {
  readonly logsFolder: string;
  private readonly running = new Map<string, Running>();
  private readonly guard: ChildProcess;
  private readonly label: string;

  constructor(label: string, folder: string) {
    this.label = label;
    this.logsFolder = join(folder, 'logs');
    mkdirSync(this.logsFolder, { recursive: true });
    this.guard = startGuard(folder);
  }

  /** Starts `binary` as `name`. Returns a promise that rejects, with the end of its log, should it exit before it is asked to; never resolves otherwise. */
  start(name: string, binary: string, parameters: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<never> {
    if (this.running.has(name)) throw new Error(`${name} of ${this.label} already runs`);
    const log = openSync(this.logFile(name), 'a');
    const child = spawn(binary, parameters, { detached: true, stdio: ['ignore', log, log], env: { ...process.env, ...environment } });
    closeSync(log);
    child.unref();
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
    const entry: Running = { child, exited, expected: false };
    this.running.set(name, entry);
    this.tellGuard();
    const failed = exited.then(() => {
      if (this.running.get(name) === entry) this.running.delete(name);
      this.tellGuard();
      if (entry.expected) return new Promise<never>(() => undefined);
      throw new Error(
        `${name} of ${this.label} ended by itself (${child.exitCode ?? child.signalCode ?? 'could not start'}):\n${this.logTail(name)}`,
      );
    });
    // During a start the caller fails with this too; afterwards nobody waits any more, and these lines are all that tells of it.
    failed.catch((error: unknown) => process.stderr.write(`control plane: ${String(error)}\n`));
    return failed;
  }

  /** Ends one with SIGKILL and waits until it is gone: a server that is asked politely drains for a minute and keeps its port. */
  async kill(name: string): Promise<void> {
    const entry = this.running.get(name);
    if (!entry) return;
    entry.expected = true;
    entry.child.kill('SIGKILL');
    await entry.exited;
    this.running.delete(name);
    this.tellGuard();
  }

  /** Ends all of them. The guard goes last, and removes the folder. */
  async stop(): Promise<void> {
    await Promise.all([...this.running.keys()].map((name) => this.kill(name)));
    if (this.guard.exitCode !== null || this.guard.signalCode !== null) return;
    const gone = new Promise((resolve) => this.guard.once('exit', resolve));
    this.guard.ref();
    this.guard.stdin?.end();
    await gone;
  }

  get pids(): Readonly<Record<string, number>> {
    const entries = [...this.running].flatMap(([name, { child }]) => (child.pid === undefined ? [] : [[name, child.pid] as const]));
    return Object.fromEntries(entries);
  }

  logTail(name: string): string {
    const text = readFileSync(this.logFile(name), 'utf8');
    return text.split('\n').slice(-25).join('\n');
  }

  private logFile(name: string): string {
    return join(this.logsFolder, `${name}.log`);
  }

  private tellGuard(): void {
    this.guard.stdin?.write(`${Object.values(this.pids).join(' ')}\n`);
  }
}

/**
 * A shell that reads the process ids of the moment, line by line. End of file means that this process has ended, and then it kills the last ids
 * that it was told and removes the folder. No exit handler could do that after a SIGKILL of ours.
 */
function startGuard(folder: string): ChildProcess {
  const script =
    'pids=""; while read -r line; do pids="$line"; done; [ -z "$pids" ] || kill -9 $pids 2>/dev/null; [ -z "$SLIPWAY_KEEP_LOGS" ] && rm -rf "$1"; exit 0';
  const guard = spawn('/bin/sh', ['-c', script, 'control-plane-guard', folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  guard.unref();
  const { stdin } = guard;
  stdin.on('error', () => undefined); // It has gone first; there is nobody left to tell.
  (stdin as unknown as { unref?: () => void }).unref?.();
  return guard;
}

/** That many free TCP ports of 127.0.0.1, all held at the same time while they are chosen, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(
    servers.map((server) => new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
