// Every entry imports this before anything else: on a Node that is too old it says so and ends the process. Written for any Node that has modules.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
/** For example [24, 2] of `>=24.2`. */
const needed = JSON.parse(readFileSync(here('package.json'), 'utf8'))
  .engines.node.replace('>=', '')
  .split('.')
  .map(Number);
const found = process.versions.node.split('.').map(Number);

if (found[0] < needed[0] || (found[0] === needed[0] && found[1] < needed[1])) {
  const packaged = here('node_modules/.bin/node');
  const command = [packaged, ...process.argv.slice(1, 2)].map((file) => relative(process.cwd(), file));
  const remedy = existsSync(packaged)
    ? `start it with the one in its packages: ${command.concat(process.argv.slice(2)).join(' ')}`
    : `install Node ${needed[0]}`;
  process.stderr.write(`Slipway needs Node ${needed.join('.')} or newer, and this is Node ${process.versions.node}: ${remedy}\n`);
  process.exit(1);
}
