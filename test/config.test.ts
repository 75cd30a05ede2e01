import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { StartError } from '../src/platform/start-error.ts';
import { ConfigError, keptMasterKey, operatorKey, readConfig, readSettings } from '../src/config.ts';
import type { Environment } from '../src/config.ts';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'slipway-config-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const MASTER = Buffer.alloc(32, 7).toString('base64');
const complete: Environment = {
  DATABASE_URL: 'postgresql://app:pw@db/slipway',
  SLIPWAY_MASTER_KEY: MASTER,
  SLIPWAY_OPERATOR_KEY: 'o'.repeat(32),
};
const silent = (): void => undefined;

/** The lines that the environment is refused with. */
function refusal(environment: Environment, kind: 'api' | 'standalone' = 'api'): string[] {
  try {
    readSettings(environment, kind);
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('has defaults for everything but the database and the master key', () => {
    expect(readConfig(complete, 'api', silent)).toMatchObject({
      environment: 'production',
      port: 3000,
      metricsPort: null,
      databaseUrl: 'postgresql://app:pw@db/slipway',
      databaseOwnerUrl: 'postgresql://app:pw@db/slipway',
      redisUrl: null,
      operatorKey: 'o'.repeat(32),
      masterKey: Buffer.alloc(32, 7),
      regions: null,
      allowedNetworks: [],
      corsOrigins: [],
      logLevel: 'info',
    });
  });

  it('reads every variable', () => {
    const config = readConfig(
      {
        ...complete,
        SLIPWAY_ENV: 'development',
        PORT: '0',
        METRICS_PORT: '9090',
        DATABASE_OWNER_URL: 'postgres://owner:pw@db/slipway',
        REDIS_URL: 'rediss://cache:6380/1',
        DATA_DIR: scratch,
        SLIPWAY_MASTER_KEY: Buffer.alloc(32, 9).toString('hex'),
        SLIPWAY_REGIONS: 'eu-west, us-east',
        SLIPWAY_ALLOWED_NETWORKS: '10.0.0.0/8,fd00::/8',
        SLIPWAY_CORS_ORIGINS: 'https://console.example.com,http://localhost:8080',
        LOG_LEVEL: 'debug',
      },
      'api',
      silent,
    );

    expect(config).toMatchObject({
      environment: 'development',
      port: 0,
      metricsPort: 9090,
      databaseOwnerUrl: 'postgres://owner:pw@db/slipway',
      redisUrl: 'rediss://cache:6380/1',
      dataDirectory: scratch,
      masterKey: Buffer.alloc(32, 9),
      regions: ['eu-west', 'us-east'],
      allowedNetworks: ['10.0.0.0/8', 'fd00::/8'],
      corsOrigins: ['https://console.example.com', 'http://localhost:8080'],
      logLevel: 'debug',
    });
  });

  it('cannot be changed afterwards', () => {
    const config = readConfig({ ...complete, SLIPWAY_REGIONS: 'a' }, 'api', silent);

    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
    expect(() => config.regions?.push('b')).toThrow(TypeError);
  });

  it('gives a worker no operator key', () => {
    expect(readConfig(complete, 'worker', silent).operatorKey).toBeNull();
  });

  it('needs nothing for standalone, which lets clusters lie on the loopback interface', () => {
    expect(readSettings({}, 'standalone')).toMatchObject({
      environment: 'development',
      databaseUrl: null,
      masterKey: null,
      allowedNetworks: ['127.0.0.0/8', '::1/128'],
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readSettings({ PORT: '', SLIPWAY_REGIONS: ' ', SLIPWAY_ALLOWED_NETWORKS: '' }, 'standalone')).toMatchObject({
      port: 3000,
      regions: null,
      allowedNetworks: ['127.0.0.0/8', '::1/128'],
    });
  });

  it.each([
    [{ PORT: 'http' }, 'PORT must be a port between 0 and 65535 (0 takes any free one), not "http".'],
    [{ PORT: '65536' }, 'PORT must be a port'],
    [{ PORT: '-1' }, 'PORT must be a port'],
    [{ PORT: '3000.5' }, 'PORT must be a port'],
    [{ METRICS_PORT: 'x' }, 'METRICS_PORT must be a port'],
    [{ SLIPWAY_ENV: 'prod' }, 'SLIPWAY_ENV must be production, development or test, not "prod".'],
    [{ REDIS_URL: 'localhost:6379' }, 'REDIS_URL must be a URL like redis://host:6379'],
    [{ SLIPWAY_REGIONS: 'EU West' }, 'SLIPWAY_REGIONS must be comma-separated names of regions'],
    [{ SLIPWAY_REGIONS: ',' }, 'SLIPWAY_REGIONS must be comma-separated names of regions'],
    [{ SLIPWAY_ALLOWED_NETWORKS: ',' }, 'SLIPWAY_ALLOWED_NETWORKS must be comma-separated networks in CIDR notation'],
    [{ SLIPWAY_CORS_ORIGINS: ' , ' }, 'SLIPWAY_CORS_ORIGINS must be comma-separated origins'],
    [{ SLIPWAY_ALLOWED_NETWORKS: '10.0.0.0' }, 'SLIPWAY_ALLOWED_NETWORKS must be comma-separated networks in CIDR notation'],
    [{ SLIPWAY_ALLOWED_NETWORKS: '10.0.0.0/33' }, 'SLIPWAY_ALLOWED_NETWORKS must be'],
    [{ SLIPWAY_CORS_ORIGINS: 'https://a.example/path' }, 'SLIPWAY_CORS_ORIGINS must be comma-separated origins'],
    [{ SLIPWAY_CORS_ORIGINS: '*' }, 'SLIPWAY_CORS_ORIGINS must be comma-separated origins'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not "loud".'],
  ])('refuses %j', (environment, line) => {
    const lines = refusal({ ...complete, ...environment });

    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(line);
  });

  it.each([
    ['DATABASE_URL', 'mysql://root:hunter2@db/x'],
    ['DATABASE_OWNER_URL', 'hunter2'],
    ['DATABASE_URL', 'postgresql://u:hunter2%off@h/db'],
    ['DATABASE_OWNER_URL', 'postgresql://u:hunter2@h/d%b'],
    ['REDIS_URL', 'http://:hunter2@cache'],
    ['REDIS_URL', 'redis://:hunter2%@cache'],
    ['SLIPWAY_OPERATOR_KEY', 'hunter2'],
    ['SLIPWAY_MASTER_KEY', 'hunter2'],
  ])('refuses a wrong %s without showing it', (name, value) => {
    const lines = refusal({ ...complete, [name]: value });

    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^${name} must be .*; the value given is not\\.$`));
    expect(lines[0]).not.toContain('hunter2');
  });

  it('says everything that is wrong at once, each on a line of its own, and what is missing', () => {
    const lines = refusal({ PORT: 'x', LOG_LEVEL: 'y' });

    expect(lines.map((line) => line.split(' ')[0])).toEqual(['PORT', 'LOG_LEVEL', 'DATABASE_URL', 'SLIPWAY_MASTER_KEY']);
  });

  it("refuses an owner's database without the application's", () => {
    expect(refusal({ DATABASE_OWNER_URL: 'postgres://o:p@db/x' }, 'standalone')[0]).toMatch(
      /^DATABASE_OWNER_URL is set without DATABASE_URL/,
    );
  });

  it('ends the process with code 1 and one line a fault on stderr', async () => {
    const entry = `import { configOrExit } from ${JSON.stringify(path.resolve('src/config.ts'))}; configOrExit('api'); console.log('started');`;
    const environment = { PATH: process.env.PATH, PORT: 'x', DATABASE_URL: 'mysql://a:hunter2@b' };

    const ended = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', entry], { env: environment });

    await expect(ended).rejects.toMatchObject({ code: 1, stdout: '' });
    const { stderr } = (await ended.catch((error: unknown) => error)) as { stderr: string };
    const lines = stderr.trim().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['PORT', 'DATABASE_URL', 'SLIPWAY_MASTER_KEY']);
    expect(stderr).not.toContain('hunter2');
  });
});

describe("the operator's key", () => {
  it('is made once, kept for the owner alone, and told once', () => {
    const told: string[] = [];
    const settings = { operatorKey: null, dataDirectory: path.join(scratch, 'kept') };

    const first = operatorKey(settings, (key) => told.push(key));
    const second = operatorKey(settings, (key) => told.push(key));

    const file = path.join(settings.dataDirectory, 'operator-key');
    expect(second).toBe(first);
    expect(told).toEqual([first]);
    expect(first).toMatch(/^[\x21-\x7e]{32,256}$/);
    expect(readFileSync(file, 'utf8')).toBe(first);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('that is given is used and not kept', () => {
    const settings = { operatorKey: 'given'.repeat(10), dataDirectory: path.join(scratch, 'unused') };

    expect(operatorKey(settings, () => expect.fail('told'))).toBe('given'.repeat(10));
    expect(() => statSync(settings.dataDirectory)).toThrow();
  });
});

describe('a secret of the data folder', () => {
  const folder = path.join(scratch, 'spoilt');
  const readers: Record<string, () => unknown> = {
    'operator-key': () => operatorKey({ operatorKey: null, dataDirectory: folder }, silent),
    'master-key': () => keptMasterKey(folder),
  };
  const spoil = (file: string, text: string): string => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, file), text);
    return path.join(folder, file);
  };

  it.each([
    ['operator-key', '', "does not contain the operator's key (32 to 256 visible ASCII characters): restore it, or move"],
    ['operator-key', 'two words that are not a key at all, but long', "does not contain the operator's key"],
    [
      'master-key',
      'abc',
      'does not contain the master key (32 bytes in base64 or hex): restore it from a backup, or set SLIPWAY_MASTER_KEY',
    ],
  ])('%s that holds %j is refused by the name of its file, and kept as it is', (file, text, line) => {
    const name = spoil(file, text);

    const read = (): unknown => readers[file]?.();

    expect(read).toThrow(StartError);
    expect(read).toThrow(`${name} ${line}`);
    expect(readFileSync(name, 'utf8')).toBe(text);
  });

  it('that cannot be read is refused by the name of its file', () => {
    mkdirSync(path.join(folder, 'directory/master-key'), { recursive: true });

    expect(() => keptMasterKey(path.join(folder, 'directory'))).toThrow(/directory\/master-key cannot be read \(EISDIR\): /);
  });

  it.skipIf(process.platform !== 'linux')('is not looked for for ever where no folder can be made', () => {
    expect(() => keptMasterKey('/proc/nope/x')).toThrow(
      'The folder /proc/nope/x cannot be created (ENOENT): choose another with DATA_DIR.',
    );
  });

  it('is made in folders that are made for it', () => {
    const deep = path.join(folder, 'a/b/c');

    expect(keptMasterKey(deep)).toEqual(keptMasterKey(deep));
    expect(statSync(deep).mode & 0o777).toBe(0o700);
  });
});
