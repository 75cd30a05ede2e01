/** Judges the subject of every commit since the base: `area: what`, of at most 72 characters. Merge commits too. */
import { execFileSync } from 'node:child_process';

/** The last commit that is not judged. */
const BASE = '564e3c0794b86bffaeb2cbe80d732025e356c92f';
const LONGEST = 72;

/** What is wrong with a subject; null = nothing. */
export function faultOf(subject: string): string | null {
  if (!/^[a-z0-9][a-z0-9, -]*: \S/.test(subject)) return 'is not "area: what", with a lower-case area';
  if (subject.endsWith('.')) return 'ends with a full stop';
  const length = [...subject].length;
  return length > LONGEST ? `has ${length} characters, at most ${LONGEST} are allowed` : null;
}

/**
 * Judges the history of the repository in `folder`. A shallow clone may not reach back to the base: what it has is newer and is judged. In any other
 * history without the base nothing says where to begin, so nothing is.
 */
export function judge(folder: string, base = BASE): { line: string; faults: string[] } {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const holds = (...args: string[]): boolean => {
    try {
      return git(...args).trim() !== 'false';
    } catch {
      return false;
    }
  };
  if (!holds('rev-parse', 'HEAD')) return { line: 'skipped: this is no clone of a repository', faults: [] };
  const reaches = holds('merge-base', '--is-ancestor', base, 'HEAD');
  if (!reaches && !holds('rev-parse', '--is-shallow-repository'))
    return { line: `skipped: commit ${base.slice(0, 7)}, from which on they are judged, is not in this history`, faults: [] };
  const commits = git('log', '--format=%h %s', ...(reaches ? [`${base}..HEAD`] : ['HEAD']))
    .split('\n')
    .filter(Boolean);
  const faults = commits.flatMap((commit) => {
    const [hash = ''] = commit.split(' ', 1);
    const fault = faultOf(commit.slice(hash.length + 1));
    return fault === null ? [] : [`${commit}: the subject ${fault}`];
  });
  return { line: `${commits.length} judged${reaches ? '' : ', as far as this shallow clone reaches'}`, faults };
}

if (import.meta.main) {
  const { line, faults } = judge(import.meta.dirname);
  for (const fault of faults) console.error(fault);
  console.log(`commit subjects: ${line}, ${faults.length} at fault`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
