import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const read = (name: string): string => readFileSync(path.join(root, name), 'utf8');

/** Runs a program of the project, in `dist` as `npm test` has built it, on a Node that says that it is another version. */
function runOn(version: string, program: string): Promise<{ code: number | string | null; out: string; err: string }> {
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
  const parameters = ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, program];
  return new Promise((resolve) => {
    const options = { cwd: root, env: { PATH: process.env['PATH'] ?? '' }, timeout: 60_000 };
    execFile(process.execPath, parameters, options, (error, out, err) => resolve({ code: error ? (error.code ?? null) : 0, out, err }));
  });
}

describe('on a Node that is too old', () => {
  it.each([
    'dist/main.js',
    'dist/worker.js',
    'dist/standalone.js',
    'demo/main.ts',
    'simulator/main.ts',
    'simulator/schema/generate.ts',
    'bench/main.ts',
    'tools/migration.ts',
    'tools/kubernetes-schema.ts',
    'test/kubernetes/control-plane/main.ts',
  ])('%s says in one line which it needs, and what to do', async (program) => {
    const { code, out, err } = await runOn('20.20.2', program);

    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^Slipway needs Node 24\.2 or newer, and this is Node 20\.20\.2: .+\n$/);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(err).toMatch(new RegExp(`: (install Node 24|start it with the one in its packages: node_modules/.bin/node ${program})\n$`));
  });
});

describe('the version that is needed', () => {
  it.each([
    ['18.20.8', 1],
    ['22.18.0', 1],
    ['24.1.9', 1],
    ['24.2.0', 0],
    ['24.10.0', 0],
    ['26.0.0', 0],
  ])('is not, or is, %s', async (version, code) => {
    expect((await runOn(version, 'require-node.mjs')).code).toBe(code);
  });

  it('is that of package.json, of the lock file and of the README', () => {
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
    const lock = JSON.parse(read('package-lock.json')) as { packages: { '': { engines: object } } };

    expect(engines.node).toMatch(/^>=\d+\.\d+$/);
    expect(lock.packages[''].engines).toEqual(engines);
    expect(read('README.md')).toContain(`with Node ${engines.node.replace('>=', '')} or newer`);
  });

  it('is checked in the image too: the build and the programs find what they import first', () => {
    const stages = read('Dockerfile').split(/^FROM /m);

    expect(stages.filter((stage) => /^COPY .*\brequire-node\.mjs .*\.\/$/m.test(stage))).toEqual([stages[1], stages.at(-1)]);
    expect(read('.dockerignore').split('\n')).toContain('!require-node.mjs');
  });
});
