// Runs on any Node, before anything is installed: makes node_modules match the lock file, and then dist match the sources.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const shell = process.platform === 'win32';
const run = (command, parameters) => execFileSync(command, parameters, { stdio: 'inherit', shell });

/** Files below a folder, in a stable order, without generated ones. */
const filesOf = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => !file.includes(join('src', 'generated')))
    .sort();

const digestOf = (files, more = '') => {
  const hash = createHash('sha256').update(more);
  for (const file of files) hash.update(file).update(readFileSync(file));
  return hash.digest('hex');
};

/** Does the work unless the stamp already has this digest. The stamp is written last, so that an aborted run is repeated. */
const once = (stamp, digest, work) => {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  rmSync(stamp, { force: true });
  work();
  writeFileSync(stamp, digest);
};

const lock = digestOf(['package-lock.json'], `${process.platform} ${process.arch}`);
once(join('node_modules', '.ready'), lock, () => {
  console.error('Installing packages (about a minute, once) ...');
  run('npm', ['ci', '--include=dev', '--include=optional', '--loglevel=error', '--no-audit', '--no-fund']);
});

const pinned = join('node_modules', '.bin', shell ? 'node.cmd' : 'node');
try {
  run(existsSync(pinned) ? pinned : process.execPath, ['require-node.mjs']);
} catch {
  process.exit(1);
}

const sources = digestOf([...filesOf('src'), ...filesOf('prisma'), 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json'], lock);
once(join('dist', '.ready'), sources, () => {
  console.error('Building ...');
  rmSync('dist', { recursive: true, force: true });
  run('npm', ['run', '--silent', 'build']);
});
