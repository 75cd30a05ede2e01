import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/platform/canonical-json.ts';
import { readYaml } from '../../src/templates/core/yaml/reader.ts';
import { generatedTexts, MEANINGS, REFUSALS } from '../templates/core/yaml/texts.ts';
import { SKIP_VARIABLE } from './support/clusters.ts';

/** What kubectl's own code makes of a text. */
interface Answer {
  documents: unknown[];
  error?: string;
}

const run = promisify(execFile);
const module = fileURLToPath(new URL('control-plane/kubectl-reader/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'slipway-kubectl-reader-'));
const reader = join(folder, 'reader');

async function asKubectl(texts: readonly string[]): Promise<Answer[]> {
  const reading = run(reader, [], { maxBuffer: 1 << 30 });
  reading.child.stdin?.end(texts.map((text) => `${JSON.stringify(text)}\n`).join(''));
  const { stdout } = await reading;
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
}

/** What we read, or null if we refuse. Numbers are compared as they are: -0 is 0. */
const ours = (text: string): string | null => {
  const reading = readYaml(text);
  return 'faults' in reading ? null : canonicalJson(reading.document);
};

/** The texts that mean something else to us than to kubectl, or are refused by it alone. */
async function differences(texts: readonly string[]): Promise<{ text: string; ours: string; kubectl: unknown }[]> {
  const answers = await asKubectl(texts);
  expect(answers).toHaveLength(texts.length);
  return texts.flatMap((text, index) => {
    const { documents, error } = answers[index]!;
    const read = ours(text);
    if (read === null) return [];
    const isSame = error === undefined && documents.length <= 1 && canonicalJson(documents[0] ?? null) === read;
    return isSame ? [] : [{ text, ours: read, kubectl: error ?? documents }];
  });
}

describe.skipIf(process.env[SKIP_VARIABLE] === '1')('a text means to us what it means to kubectl, or is refused', () => {
  beforeAll(async () => {
    await run('go', ['build', '-buildvcs=false', '-trimpath', '-o', reader, '.'], {
      cwd: module,
      env: { ...process.env, CGO_ENABLED: '0' },
    });
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('the reader is that of the Kubernetes that is tested with', () => {
    const version = (path: string, name: string): string | undefined =>
      new RegExp(`${name} v\\d+\\.(\\S+)`).exec(readFileSync(join(module, path), 'utf8'))?.[1];
    expect(version('go.mod', 'require k8s.io/apimachinery')).toBe(version('../kubernetes/go.mod', 'require k8s.io/kubernetes'));
  });

  it('the texts of the tests', async () => {
    expect(await differences([...MEANINGS.map(([text]) => text), ...REFUSALS.map(([, text]) => text)])).toEqual([]);
  });

  it('their meanings are those of kubectl', async () => {
    const answers = await asKubectl(MEANINGS.map(([text]) => text));
    expect(answers.map(({ documents }) => documents)).toEqual(MEANINGS.map(([, document]) => [document]));
  });

  it('the examples', async () => {
    const text = readFileSync(new URL('../../examples/shop.yaml', import.meta.url), 'utf8');
    expect(ours(text)).not.toBeNull();
    expect(await differences([text])).toEqual([]);
  });

  it.each([1, 2, 3])('twenty thousand generated texts, seed %i', async (seed) => {
    const texts = generatedTexts(seed, 20_000);
    expect(await differences(texts)).toEqual([]);
    expect(texts.filter((text) => ours(text) !== null).length).toBeGreaterThan(5_000);
  });
});
