import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { withSettings } from '../db/database.ts';

/**
 * What processes announce to each other after a commit: that something changed and where to read it. Features add their kinds by declaration:
 *
 *     declare module '../platform/queue/announce.ts' {
 *       interface Announcements { key: { id: string } }
 *     }
 */
export interface Announcements {
  /** Announcements may have been missed. Subscribers read their rows again, now or at their next poll. */
  gap: object;
}

export type Announcement = { [K in keyof Announcements]: { kind: K } & Announcements[K] }[keyof Announcements];

export type Listener = (announcement: Announcement) => void;

export interface AnnounceOptions {
  url: string;
  onError?: (error: Error) => void;
  /** How often the connection must prove that it is alive, and how long it may take to. Default 15 s and 5 s. */
  heartbeatMilliseconds?: number;
  timeoutMilliseconds?: number;
}

const CHANNEL = 'slipway';
const COALESCE_MILLISECONDS = 10;
/** Postgres accepts less than 8000 bytes per notification. */
const PAYLOAD_BYTES = 7_500;
/** Announcements kept while disconnected; beyond that, they are replaced by one `gap`. */
const KEPT = 5_000;
const HEARTBEAT_MILLISECONDS = 15_000;
const TIMEOUT_MILLISECONDS = 5_000;
const RECONNECT_MILLISECONDS = { first: 50, most: 2_000 };

/**
 * Announcements between processes: delivered immediately in this process, and to others by NOTIFY, collected over 10 ms. NOTIFY has its own connection,
 * because a commit that contains a NOTIFY takes a database-wide lock. Announcements may be lost, so every listener also polls.
 */
export class Announce {
  private readonly options: AnnounceOptions;
  private readonly listeners = new Set<Listener>();
  private readonly me = randomUUID();
  private readonly waiting = new Map<string, Announcement>();
  private client: pg.Client | null = null;
  private running: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private sending = false;
  private readonly stopping = new AbortController();

  constructor(options: AnnounceOptions) {
    this.options = options;
  }

  /** Starts to listen and retries while the database is unreachable. Resolves when it listens for the first time, or is closed. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.running ??= this.listen(resolve);
    });
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @param replaces of the announcements with the same value here that wait to be sent, only the newest is; by default those that are equal */
  publish(announcement: Announcement, replaces = JSON.stringify(announcement)): void {
    this.deliver(announcement);
    if (this.stopping.signal.aborted) return;
    if (this.waiting.size >= KEPT) {
      this.waiting.clear();
      this.waiting.set('gap', { kind: 'gap' });
    }
    this.waiting.set(replaces, announcement);
    this.timer ??= setTimeout(() => void this.send(), COALESCE_MILLISECONDS);
  }

  async close(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    await this.send();
    this.stopping.abort();
    await this.client?.end().catch(() => undefined);
    await this.running;
  }

  private deliver(announcement: Announcement): void {
    for (const listener of this.listeners) {
      try {
        listener(announcement);
      } catch (error) {
        this.report(error);
      }
    }
  }

  private report(error: unknown): void {
    this.options.onError?.(error instanceof Error ? error : new Error(String(error)));
  }

  /** Sends what is waiting, in as few notifications as possible. What cannot be sent waits for the next connection. */
  private async send(): Promise<void> {
    this.timer = null;
    const client = this.client;
    if (!client || this.sending || this.waiting.size === 0) return;
    this.sending = true;
    const batch = new Map(this.waiting);
    this.waiting.clear();
    try {
      for (const payload of payloads(this.me, [...batch.values()])) await client.query('SELECT pg_notify($1, $2)', [CHANNEL, payload]);
    } catch (error) {
      for (const [key, announcement] of batch) if (!this.waiting.has(key)) this.waiting.set(key, announcement);
      this.report(error);
    } finally {
      this.sending = false;
    }
    if (this.waiting.size > 0 && this.client === client) this.timer ??= setTimeout(() => void this.send(), COALESCE_MILLISECONDS);
  }

  private async listen(first: () => void): Promise<void> {
    let delay = RECONNECT_MILLISECONDS.first;
    let again = false;
    while (!this.stopping.signal.aborted) {
      try {
        const { lost } = await this.connect();
        delay = RECONNECT_MILLISECONDS.first;
        if (again) this.deliver({ kind: 'gap' });
        again = true;
        first();
        void this.send();
        await lost;
      } catch (error) {
        if (!this.stopping.signal.aborted) this.report(error);
      }
      this.client = null;
      await sleep(delay, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      delay = Math.min(delay * 2, RECONNECT_MILLISECONDS.most);
    }
    first();
  }

  /** Connects and listens; `lost` resolves when the connection is gone. */
  private async connect(): Promise<{ lost: Promise<void> }> {
    const timeout = this.options.timeoutMilliseconds ?? TIMEOUT_MILLISECONDS;
    const client = new pg.Client({
      connectionString: withSettings(this.options.url, { role: 'slipway_app' }),
      application_name: 'slipway announce',
      connectionTimeoutMillis: timeout,
      query_timeout: timeout,
      keepAlive: true,
      // A heartbeat may be sent while another query is running. The type does not have the option yet.
      ...({ pipeline: true } as object),
    });
    const lost = new Promise<void>((resolve) => client.once('end', resolve));
    client.on('error', (error) => this.report(error));
    client.on('notification', ({ payload }) => this.receive(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    this.client = client;
    this.watch(client);
    // `close` was called during the connect and did not see this client.
    if (this.stopping.signal.aborted) await client.end();
    return { lost };
  }

  /** A heartbeat detects a connection that the network dropped silently. */
  private watch(client: pg.Client): void {
    const heartbeat = setInterval(() => {
      client.query('SELECT 1').catch(() => client.end().catch(() => undefined));
    }, this.options.heartbeatMilliseconds ?? HEARTBEAT_MILLISECONDS);
    heartbeat.unref();
    client.once('end', () => clearInterval(heartbeat));
  }

  /** Any database user can NOTIFY; a malformed payload is reported and must not crash the process. */
  private receive(payload: string): void {
    try {
      const { from, items } = JSON.parse(payload) as { from: string; items: Announcement[] };
      if (from === this.me) return;
      for (const item of items) this.deliver(item);
    } catch (error) {
      this.report(error);
    }
  }
}

/** The announcements, split into payloads of allowed size. */
function* payloads(sender: string, announcements: Announcement[]): Generator<string> {
  let batch: string[] = [];
  let bytes = 0;
  const pack = (): string => `{"from":"${sender}","items":[${batch.join(',')}]}`;
  for (const announcement of announcements) {
    const text = JSON.stringify(announcement);
    const size = Buffer.byteLength(text) + 1;
    if (size > PAYLOAD_BYTES) continue; // only an announcement by value can be this large, and its sender repeats it
    if (batch.length > 0 && bytes + size > PAYLOAD_BYTES) {
      yield pack();
      batch = [];
      bytes = 0;
    }
    batch.push(text);
    bytes += size;
  }
  if (batch.length > 0) yield pack();
}
