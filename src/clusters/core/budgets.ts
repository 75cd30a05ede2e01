const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * What a cluster may cost a worker at most. A cluster belongs to a tenant and may send anything; everything here is counted while the bytes arrive, before
 * they are parsed. All numbers of this kind stand in this table.
 */
export const BUDGETS = {
  /** One answer, error answers excluded. */
  answerBytes: 8 * MiB,
  /** All pages of one list. */
  listBytes: 16 * MiB,
  listPages: 100,
  listObjects: 20_000,
  /** Objects asked for per page. Chosen so that a page of large pods (40 KiB each) is within `answerBytes`. */
  pageObjects: 200,
  watchLineBytes: 1 * MiB,
  /** The body of an error answer. */
  failureBytes: 1 * MiB,
  /** Events of one pod that are asked for. */
  podEvents: 50,
  /** The end of a container's log that is kept. */
  logBytes: 8 * KiB,

  /** Nesting of one JSON text. */
  depth: 50,
  /** Brackets and commas in one JSON text that is parsed at once. An object of 1.5 MiB, etcd's limit, has fewer than 150,000. */
  values: 262_144,
  /** A `resourceVersion` or `continue` token, which is sent back in a URL. */
  tokenCharacters: 4 * KiB,
  /** Any other text that is kept. */
  textCharacters: 1_000,
  /** Entries kept of a list in an object, such as its conditions or container statuses. */
  entries: 100,
  retryAfterSeconds: 60,

  /** What is kept of the objects of one placement's watch, of all watches of one cluster, and of all watches of a worker (estimated size in memory). */
  placementStoreBytes: 8 * MiB,
  clusterStoreBytes: 64 * MiB,
  workerStoreBytes: 256 * MiB,

  /** Least time between two reports of changed objects of a placement, per object kept: whoever hears of one looks at all of them. */
  reportMilliseconds: 0.2,

  /** Rate at which one cluster's answers and events are read, after a first burst. */
  bytesPerSecond: 4 * MiB,
  burstBytes: 64 * MiB,
  /** What a chunk and a watch event count besides their bytes, because handling each takes time however short it is. */
  chunkOverheadBytes: 256,
  lineOverheadBytes: 512,

  /** Deadlines from the moment a request has a connection to the end of its answer; of a watch, to the beginning of its answer. */
  requestMilliseconds: 10_000,
  /** Writes and dry runs: admission webhooks may take 10 s each. */
  writeMilliseconds: 30_000,
  /** All pages of one list together. */
  listMilliseconds: 30_000,
  /** A cluster check, which makes several requests. */
  checkMilliseconds: 8_000,
  /** Longest time between attempts after an exceeded budget. */
  overBudgetRetryMilliseconds: 60_000,
} as const;

export type Budgets = Readonly<Record<keyof typeof BUDGETS, number>>;

/** A number of bytes for people: whole MiB or KiB where it is one. */
export function bytesText(bytes: number): string {
  if (bytes % MiB === 0) return `${bytes / MiB} MiB`;
  return bytes % KiB === 0 ? `${bytes / KiB} KiB` : `${bytes} bytes`;
}
