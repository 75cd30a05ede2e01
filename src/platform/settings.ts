/** What the platform reads of the configuration. Features name what they read of it themselves; `config.ts` puts all of it together. */
export interface PlatformSettings {
  environment: 'production' | 'development' | 'test';
  /** URL of the application's login, which assumes the run-time roles by `-c role=...`. */
  databaseUrl: string;
  /** URL for migrations. */
  databaseOwnerUrl: string;
  /** null = the queue is in Postgres. */
  redisUrl: string | null;
  /** 32 bytes; seals the data keys. */
  masterKey: Buffer;
  corsOrigins: string[];
  logLevel: LogLevel;
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Injects the configuration: `@Inject(CONFIG) config: PlatformSettings`, or the part of it that a feature reads. */
export const CONFIG = Symbol('configuration');
