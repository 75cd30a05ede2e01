import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import path from 'node:path';
import { z } from 'zod';
import type { OperatorSettings } from './auth/authentication.ts';
import type { ClusterSettings } from './clusters/cluster.service.ts';
import { keptSecret } from './platform/crypto/kept-secret.ts';
import { LOG_LEVELS } from './platform/settings.ts';
import type { PlatformSettings } from './platform/settings.ts';
import { StartError } from './platform/start-error.ts';

/** The environment, parsed once and frozen. No other code reads `process.env`. */
export interface Config extends PlatformSettings, OperatorSettings, ClusterSettings {
  /** 0 = any free port. Default 3000. */
  port: number;
  /** Port of `/metrics`; null = not served, 0 = any free port. */
  metricsPort: number | null;
  dataDirectory: string;
  /** Names of the regions that this process's worker serves; null = all, including those created later. */
  regions: string[] | null;
}

/** Which process reads the environment. Standalone supplies what is missing; the others require it. */
export type ProcessKind = 'api' | 'worker' | 'standalone';

/** Faults of the environment: one line for each variable, without the values of secrets. */
export class ConfigError extends StartError {
  readonly lines: string[];

  constructor(lines: string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/** The environment as read, before standalone adds what it supplies itself. */
export interface Settings extends Omit<Config, 'databaseUrl' | 'databaseOwnerUrl' | 'masterKey'> {
  databaseUrl: string | null;
  databaseOwnerUrl: string | null;
  masterKey: Buffer | null;
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'];
const OPERATOR_KEY = /^[\x21-\x7e]{32,256}$/;
const OPERATOR_KEY_MUST = '32 to 256 visible ASCII characters';
/** File in the data folder for the master key, if none is given. */
export const MASTER_KEY_FILE = 'master-key';
const REGION = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** A comma-separated list of at least one item. For an empty list, the variable is left unset. */
const listOf = (isItem: (item: string) => boolean) =>
  z
    .string()
    .transform((raw) =>
      raw
        .split(',')
        .map((item) => item.trim())
        .filter(Boolean),
    )
    .refine((items) => items.length > 0 && items.every(isItem));

const port = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .refine((n) => n <= 65535);
const url = (...protocols: string[]) => z.string().refine((text) => isDecodable(text) && protocols.includes(new URL(text).protocol));

const PERCENT = ', with %25 for a percent sign';

/** A URL whose percent signs all begin an escape, as its readers expect. */
function isDecodable(text: string): boolean {
  try {
    const { username, password, pathname } = new URL(text);
    for (const part of [username, password, pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

const network = (text: string): boolean => {
  const [address = '', bits = '', ...rest] = text.split('/');
  const family = isIP(address);
  return family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
};

const origin = (text: string): boolean =>
  URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol) && new URL(text).origin === text;

/** A key of 32 bytes in hex or base64; null where it is neither. */
function keyBytes(text: string): Buffer | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  const bytes = /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : null;
  return bytes?.length === 32 ? bytes : null;
}

interface Variable {
  schema: z.ZodType;
  /** Completes the sentence "X must be ...". */
  must: string;
  secret?: boolean;
}

/** Every variable that is read: its schema, and the message for an invalid value. */
const VARIABLES = {
  SLIPWAY_ENV: { schema: z.enum(['production', 'development', 'test']), must: 'production, development or test' },
  PORT: { schema: port, must: 'a port between 0 and 65535 (0 takes any free one)' },
  METRICS_PORT: { schema: port, must: 'a port between 0 and 65535 (0 takes any free one)' },
  DATABASE_URL: {
    schema: url('postgres:', 'postgresql:'),
    must: `a URL like postgresql://user:password@host:5432/database${PERCENT}`,
    secret: true,
  },
  DATABASE_OWNER_URL: {
    schema: url('postgres:', 'postgresql:'),
    must: `a URL like postgresql://user:password@host:5432/database${PERCENT}`,
    secret: true,
  },
  REDIS_URL: { schema: url('redis:', 'rediss:'), must: `a URL like redis://host:6379${PERCENT}`, secret: true },
  DATA_DIR: { schema: z.string(), must: 'a folder' },
  SLIPWAY_OPERATOR_KEY: { schema: z.string().regex(OPERATOR_KEY), must: OPERATOR_KEY_MUST, secret: true },
  SLIPWAY_MASTER_KEY: {
    schema: z
      .string()
      .transform(keyBytes)
      .refine((bytes) => bytes !== null),
    must: '32 random bytes in base64 or hex (create one with: openssl rand -base64 32)',
    secret: true,
  },
  SLIPWAY_REGIONS: {
    schema: listOf((name) => REGION.test(name)),
    must: 'comma-separated names of regions, such as eu-west,us-east (unset it to serve all)',
  },
  SLIPWAY_ALLOWED_NETWORKS: {
    schema: listOf(network),
    must: 'comma-separated networks in CIDR notation, such as 10.0.0.0/8,fd00::/8',
  },
  SLIPWAY_CORS_ORIGINS: {
    schema: listOf(origin),
    must: 'comma-separated origins, such as https://console.example.com',
  },
  LOG_LEVEL: { schema: z.enum(LOG_LEVELS), must: `one of ${LOG_LEVELS.join(', ')}` },
} as const satisfies Record<string, Variable>;

type Name = keyof typeof VARIABLES;
type Values = { [K in Name]?: z.output<(typeof VARIABLES)[K]['schema']> };
export type Environment = Record<string, string | undefined>;

/** Every variable parsed, and one line for each invalid one. An empty variable counts as unset. */
function parse(environment: Environment): { values: Values; lines: string[] } {
  const values: Record<string, unknown> = {};
  const lines: string[] = [];
  for (const [name, variable] of Object.entries<Variable>(VARIABLES)) {
    const raw = environment[name]?.trim();
    if (!raw) continue;
    const parsed = variable.schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else
      lines.push(
        `${name} must be ${variable.must}${variable.secret ? '; the value given is not.' : `, not ${JSON.stringify(raw.slice(0, 100))}.`}`,
      );
  }
  return { values, lines };
}

/** Faults for variables that only standalone can do without. */
const missing = (values: Values): string[] => [
  ...(values.DATABASE_URL
    ? []
    : ['DATABASE_URL is not set: set the URL of a Postgres, like postgresql://user:password@host:5432/database.']),
  ...(values.SLIPWAY_MASTER_KEY
    ? []
    : ['SLIPWAY_MASTER_KEY is not set: set the key that seals credentials (create one with: openssl rand -base64 32).']),
];

/** Reads the settings. Throws `ConfigError` with all faults. */
export function readSettings(environment: Environment, kind: ProcessKind): Settings {
  const standalone = kind === 'standalone';
  const { values, lines } = parse(environment);
  const wrong = new Set(lines.map((line) => line.split(' ')[0]));
  if (!standalone) lines.push(...missing(values).filter((line) => !wrong.has(line.split(' ')[0])));
  if (values.DATABASE_OWNER_URL && !values.DATABASE_URL && !wrong.has('DATABASE_URL')) {
    lines.push("DATABASE_OWNER_URL is set without DATABASE_URL: set both, or only DATABASE_URL if it is the owner's.");
  }
  if (lines.length > 0) throw new ConfigError([...new Set(lines)]);
  return {
    environment: values.SLIPWAY_ENV ?? (standalone ? 'development' : 'production'),
    port: values.PORT ?? 3000,
    metricsPort: values.METRICS_PORT ?? null,
    databaseUrl: values.DATABASE_URL ?? null,
    databaseOwnerUrl: values.DATABASE_OWNER_URL ?? values.DATABASE_URL ?? null,
    redisUrl: values.REDIS_URL ?? null,
    dataDirectory: path.resolve(values.DATA_DIR ?? '.slipway'),
    operatorKey: kind === 'worker' ? null : (values.SLIPWAY_OPERATOR_KEY ?? null),
    masterKey: values.SLIPWAY_MASTER_KEY ?? null,
    regions: values.SLIPWAY_REGIONS ?? null,
    allowedNetworks: values.SLIPWAY_ALLOWED_NETWORKS ?? (standalone ? LOOPBACK : []),
    corsOrigins: values.SLIPWAY_CORS_ORIGINS ?? [],
    logLevel: values.LOG_LEVEL ?? 'info',
  };
}

/** Freezes the configuration and its lists. The master key stays mutable, because a buffer cannot be frozen. */
export const freeze = (config: Config): Config =>
  Object.freeze({
    ...config,
    regions: config.regions && Object.freeze([...config.regions]),
    allowedNetworks: Object.freeze([...config.allowedNetworks]),
    corsOrigins: Object.freeze([...config.corsOrigins]),
  }) as Config;

/** The master key that standalone generates and keeps in the data folder. */
export function keptMasterKey(dataDirectory: string): Buffer {
  return keptSecret(dataDirectory, {
    file: MASTER_KEY_FILE,
    what: 'the master key (32 bytes in base64 or hex)',
    make: () => randomBytes(32).toString('base64'),
    parse: keyBytes,
    remedy: 'restore it from a backup, or set SLIPWAY_MASTER_KEY to the key that was in it',
  }).value;
}

/** The operator's key: the given one, else the one in the data folder. A new one is passed to `tell` once. */
export function operatorKey(settings: Pick<Settings, 'operatorKey' | 'dataDirectory'>, tell: (key: string) => void): string {
  if (settings.operatorKey) return settings.operatorKey;
  const kept = keptSecret(settings.dataDirectory, {
    file: 'operator-key',
    what: `the operator's key (${OPERATOR_KEY_MUST})`,
    make: () => randomBytes(32).toString('base64url'),
    parse: (text) => (OPERATOR_KEY.test(text) ? text : null),
    remedy: 'restore it, or move the file elsewhere and start again to create a new key',
  });
  if (kept.made) tell(kept.value);
  return kept.value;
}

/** The configuration of the API or of a worker. Throws `ConfigError`. */
export function readConfig(environment: Environment, kind: 'api' | 'worker', tell: (key: string) => void): Config {
  const settings = readSettings(environment, kind);
  const { databaseUrl, databaseOwnerUrl, masterKey } = settings;
  if (!databaseUrl || !databaseOwnerUrl || !masterKey) throw new ConfigError(['The environment is incomplete.']);
  const key = kind === 'api' ? operatorKey(settings, tell) : null;
  return freeze({ ...settings, databaseUrl, databaseOwnerUrl, masterKey, operatorKey: key });
}

/** For the entry files: the configuration. If it is invalid, prints a line for each fault and exits with 1. */
export function configOrExit(kind: 'api' | 'worker'): Config {
  try {
    return readConfig(process.env, kind, tellOperatorKey);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const line of error.lines) process.stderr.write(`${line}\n`);
    process.exit(1);
  }
}

/** Prints a new operator's key once; afterwards it is only in the data folder. */
export const tellOperatorKey = (key: string): void => void process.stdout.write(`The operator's key, shown only once: ${key}\n`);
