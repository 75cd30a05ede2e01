// Writes the SQL that takes the migrations' schema to `prisma/schema.prisma`: npm run migration -- NAME
// It starts its own Postgres for the shadow database and downloads nothing. Roles, grants, policies and partial indexes are then added by hand.
import '../require-node.mjs';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openSchemaEngine, readMigrations } from '../src/platform/db/schema-engine.ts';
import { startEmbeddedPostgres } from '../src/standalone/embedded-postgres.ts';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, 'prisma/migrations');
const name = process.argv[2];
if (!name || !/^[a-z0-9_]+$/.test(name)) {
  process.stderr.write('Give the migration a name of small letters, digits and underscores: npm run migration -- NAME\n');
  process.exit(1);
}

const scratch = mkdtempSync(path.join(os.tmpdir(), 'slipway-migration-'));
const postgres = await startEmbeddedPostgres(scratch);
try {
  const schema = readFileSync(path.join(root, 'prisma/schema.prisma'), 'utf8');
  const engine = await openSchemaEngine(postgres.ownerUrl, schema);
  try {
    const { stdout, exitCode } = await engine.diff(existsSync(folder) ? readMigrations(folder) : []);
    if (exitCode !== 2 || !stdout) {
      process.stdout.write('The migrations already say what the schema says.\n');
    } else {
      const directory = path.join(folder, `${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}_${name}`);
      mkdirSync(directory, { recursive: true });
      writeFileSync(path.join(directory, 'migration.sql'), `SET lock_timeout = '5s';\n\n${stdout}`);
      writeFileSync(path.join(folder, 'migration_lock.toml'), 'provider = "postgresql"\n');
      process.stdout.write(`${path.relative(root, directory)}/migration.sql\n`);
    }
  } finally {
    await engine.close();
  }
} finally {
  await postgres.stop();
  rmSync(scratch, { recursive: true, force: true });
}
