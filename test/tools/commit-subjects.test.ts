import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultOf, judge } from '../../tools/commit-subjects.ts';

describe("a commit's subject", () => {
  it.each([
    'rollouts: wait for a judged side in one place',
    'api, worker: stop within 5 s',
    'test-support: keep 2 databases ready',
    '0-1: "x: y"',
    `docs: ${'x'.repeat(66)}`,
    `docs: ${'ü'.repeat(66)}`,
  ])('%s', (subject) => expect(faultOf(subject)).toBeNull());

  it.each([
    ['Wait for a judged side', 'is not "area: what", with a lower-case area'],
    ['Rollouts: wait', 'is not "area: what", with a lower-case area'],
    ['rollouts:wait', 'is not "area: what", with a lower-case area'],
    ['rollouts:  wait', 'is not "area: what", with a lower-case area'],
    ['rollouts: ', 'is not "area: what", with a lower-case area'],
    ['fix(rollouts): wait', 'is not "area: what", with a lower-case area'],
    ["Merge branch 'rollouts'", 'is not "area: what", with a lower-case area'],
    ['rollouts: wait.', 'ends with a full stop'],
    [`docs: ${'x'.repeat(67)}`, 'has 73 characters, at most 72 are allowed'],
  ])('%s: %s', (subject, fault) => expect(faultOf(subject)).toBe(fault));
});

describe('the history', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-commits-'));
  const whole = path.join(folder, 'whole');
  const git = (at: string, ...args: string[]): string => {
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.invalid', '-c', 'commit.gpgsign=false'];
    return execFileSync('git', [...identity, ...args], { cwd: at, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  };
  const commit = (subject: string): string => {
    git(whole, 'commit', '--allow-empty', '--no-verify', '-m', subject);
    return git(whole, 'rev-parse', '--short', 'HEAD');
  };
  const shallow = (depth: number): string => {
    const clone = path.join(folder, `shallow-${depth}`);
    git(folder, 'clone', '--depth', String(depth), `file://${whole}`, clone);
    return clone;
  };
  let base: string;
  let wrong: string;
  let merge: string;
  beforeAll(() => {
    mkdirSync(whole);
    git(whole, 'init', '--initial-branch', 'main');
    commit('Before the rule');
    base = git(whole, 'rev-parse', commit('The last one before it'));
    commit('docs: say it');
    wrong = commit('Say it again');
    git(whole, 'checkout', '-b', 'side', base);
    commit('docs: say something else');
    git(whole, 'checkout', 'main');
    git(whole, 'merge', '--no-ff', 'side', '-m', 'Merge side');
    merge = git(whole, 'rev-parse', '--short', 'HEAD');
    commit('docs: say no more');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const fault = 'the subject is not "area: what", with a lower-case area';

  it('is judged from the base on, merges included', () => {
    const { line, faults } = judge(whole, base);
    expect(line).toBe('5 judged');
    expect(faults.toSorted()).toEqual([`${merge} Merge side: ${fault}`, `${wrong} Say it again: ${fault}`].toSorted());
  });

  it('is judged as far as it is there, in a shallow clone', () => {
    const line = (count: number): string => `${count} judged, as far as this shallow clone reaches`;
    expect(judge(shallow(1), base)).toEqual({ line: line(1), faults: [] });
    expect(judge(shallow(2), base)).toMatchObject({ line: line(2), faults: [`${merge} Merge side: ${fault}`] });
  });

  it('is not judged where nothing says from where on', () => {
    const line = 'skipped: commit 0123456, from which on they are judged, is not in this history';
    expect(judge(whole, '0123456789'.repeat(4))).toEqual({ line, faults: [] });
    expect(judge(folder, base)).toEqual({ line: 'skipped: this is no clone of a repository', faults: [] });
  });
});
