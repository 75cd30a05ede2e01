import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import tls from 'node:tls';
import { execFileSync as importedExec } from 'node:child_process';
import { readFileSync as importedRead } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseConnection, parseKubeconfig } from '../../../src/clusters/core/kubeconfig.ts';
import { makeAuthority } from '../kubernetes/server.ts';

let ca = '';
let certificate = '';
let key = '';
let otherKey = '';
const token = 'abcdefgh.ijklmnop_0123';
const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

beforeAll(async () => {
  const authority = await makeAuthority();
  ca = authority.pem;
  const client = await authority.issue({ commonName: 'slipway', client: true });
  certificate = client.cert;
  key = client.key;
  otherKey = (await authority.issue({ client: true })).key;
});

interface Parts {
  cluster?: Record<string, unknown>;
  user?: Record<string, unknown>;
  root?: Record<string, unknown>;
}

/** A good kubeconfig as JSON, which is YAML, with the given fields over it; undefined takes a field away. */
function config({ cluster, user, root }: Parts = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    clusters: [{ name: 'k', cluster: { server: 'https://k.example:6443', 'certificate-authority-data': base64(ca), ...cluster } }],
    users: [{ name: 'u', user: user ?? { token } }],
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u', namespace: 'shop' } }],
    ...root,
  });
}

const contextWith = (more: object): string =>
  config({ root: { contexts: [{ name: 'c', context: { cluster: 'k', user: 'u', ...more } }] } });

/** Runs synchronous work with every function of the modules that reach out of the process replaced by one that notes its name. */
function reachingOut(work: () => void): string[] {
  const calls: string[] = [];
  const modules = { childProcess, dgram, dns, fs, fsPromises: fs.promises, http, https, net, tls } as unknown as Record<
    string,
    Record<string, unknown>
  >;
  const restores: (() => void)[] = [];
  for (const [moduleName, module] of Object.entries(modules)) {
    for (const name of Object.keys(module)) {
      const original = module[name];
      const descriptor = Object.getOwnPropertyDescriptor(module, name);
      if (typeof original !== 'function' || descriptor?.writable !== true) continue;
      module[name] = () => {
        calls.push(`${moduleName}.${name}`);
        throw new Error('not here');
      };
      restores.push(() => (module[name] = original));
    }
  }
  syncBuiltinESMExports();
  try {
    work();
  } finally {
    for (const restore of restores) restore();
    syncBuiltinESMExports();
  }
  return calls;
}

describe('a kubeconfig that is accepted', () => {
  it('becomes server, authority and token, and nothing else', () => {
    expect(parseKubeconfig(config())).toEqual({
      credential: { server: 'https://k.example:6443', ca: expect.stringContaining('BEGIN CERTIFICATE') as string, auth: { token } },
      faults: null,
    });
  });

  it('becomes a client certificate and its key', () => {
    const reading = parseKubeconfig(config({ user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) } }));
    expect(reading.faults).toBeNull();
    expect(reading.credential?.auth).toEqual({
      certificate: expect.stringContaining('BEGIN CERTIFICATE') as string,
      key: expect.stringContaining('BEGIN PRIVATE KEY') as string,
    });
  });

  it('may be YAML as kubectl writes it, with a path, several contexts, empty preferences and others that it does not use', () => {
    const text = `apiVersion: v1
kind: Config
preferences: {}
current-context: two
clusters:
- name: one
  cluster: {server: "http://insecure", insecure-skip-tls-verify: true}
- name: two
  cluster:
    certificate-authority-data: ${base64(ca + ca)}
    server: https://gateway.example/k8s/clusters/c-m-1/
    insecure-skip-tls-verify: false
contexts:
- context: {cluster: one, user: one}
  name: one
- context: {cluster: two, user: two}
  name: two
users:
- name: one
  user: {exec: {command: touch, args: [/tmp/hacked]}}
- name: two
  user: {token: ${token}}
`;
    const { credential } = parseKubeconfig(text);
    expect(credential?.server).toBe('https://gateway.example/k8s/clusters/c-m-1');
    expect(credential?.ca.match(/BEGIN/g)).toHaveLength(2);
  });

  it('needs no current-context where there is one context', () => {
    expect(parseKubeconfig(config({ root: { 'current-context': '' } })).faults).toBeNull();
    expect(parseKubeconfig(config({ root: { 'current-context': undefined } })).faults).toBeNull();
  });

  it('keeps nothing of the text around a certificate', () => {
    const { credential } = parseKubeconfig(config({ cluster: { 'certificate-authority-data': base64(`note: canary\n${ca}`) } }));
    expect(credential?.ca).not.toContain('canary');
  });
});

type Hostile = [name: string, text: () => string, pointer: string, detail: RegExp];

const user = '/users/0/user';
const cluster = '/clusters/0/cluster';
const exec = {
  apiVersion: 'client.authentication.k8s.io/v1',
  command: '/bin/sh',
  args: ['-c', 'touch /tmp/slipway-was-here'],
  env: [{ name: 'A', value: 'B' }],
};

const hostile: Hostile[] = [
  ['a command for the token', () => config({ user: { exec } }), `${user}/exec`, /runs a command/],
  ['a command beside a token', () => config({ user: { token, exec } }), `${user}/exec`, /runs a command/],
  ['a command that is null', () => config({ user: { token, exec: null } }), `${user}/exec`, /runs a command/],
  [
    'an auth provider',
    () => config({ user: { 'auth-provider': { name: 'gcp', config: { 'cmd-path': '/bin/sh', 'cmd-args': '-c id' } } } }),
    `${user}/auth-provider`,
    /not accepted/,
  ],
  [
    'a token file',
    () => config({ user: { tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token' } }),
    `${user}/tokenFile`,
    /file path/,
  ],
  ['a token file beside a token', () => config({ user: { token, tokenFile: '/etc/passwd' } }), `${user}/tokenFile`, /file path/],
  [
    'a certificate file',
    () => config({ user: { 'client-certificate': '/etc/passwd', 'client-key-data': base64(key) } }),
    `${user}/client-certificate`,
    /file path/,
  ],
  [
    'a key file',
    () => config({ user: { 'client-certificate-data': base64(certificate), 'client-key': '../../key.pem' } }),
    `${user}/client-key`,
    /file path/,
  ],
  [
    'an authority file',
    () => config({ cluster: { 'certificate-authority': '/etc/ssl/certs/ca.pem' } }),
    `${cluster}/certificate-authority`,
    /file path/,
  ],
  ['a name and password', () => config({ user: { username: 'admin', password: 'secret' } }), `${user}/username`, /no passwords/],
  ['a password alone', () => config({ user: { token, password: 'secret' } }), `${user}/password`, /no passwords/],
  ['another user', () => config({ user: { token, as: 'system:admin' } }), `${user}/as`, /impersonation/],
  ['other groups', () => config({ user: { token, 'as-groups': ['system:masters'] } }), `${user}/as-groups`, /impersonation/],
  ['another uid', () => config({ user: { token, 'as-uid': '0' } }), `${user}/as-uid`, /impersonation/],
  ['extra of another user', () => config({ user: { token, 'as-user-extra': { a: ['b'] } } }), `${user}/as-user-extra`, /impersonation/],
  ['impersonation of tomorrow', () => config({ user: { token, 'as-something': 'x' } }), `${user}/as-something`, /impersonation/],
  ['a field nobody knows', () => config({ user: { token, 'token/~x': 1 } }), `${user}/token~1~0x`, /not a known field/],
  [
    'a field named like a prototype',
    () => config({ user: JSON.parse(`{"token": "${token}", "__proto__": {"a": 1}}`) as Record<string, unknown> }),
    `${user}/__proto__`,
    /not a known field/,
  ],
  ['a field named constructor', () => config({ user: { token, constructor: 1 } }), `${user}/constructor`, /not a known field/],
  ['another user, said in the context', () => contextWith({ as: 'root' }), '/contexts/0/context/as', /impersonation/],
  [
    'a command beside the user',
    () => config({ root: { users: [{ name: 'u', user: { token }, exec }] } }),
    '/users/0/exec',
    /runs a command/,
  ],
  ['a proxy for everything', () => config({ root: { 'proxy-url': 'http://attacker.example' } }), '/proxy-url', /not a known field/],
  ['another version', () => config({ root: { apiVersion: 'v9' } }), '/apiVersion', /must be v1/],
  ['a proxy', () => config({ cluster: { 'proxy-url': 'http://attacker.example:3128' } }), `${cluster}/proxy-url`, /directly/],
  [
    'TLS that is not verified',
    () => config({ cluster: { 'insecure-skip-tls-verify': true } }),
    `${cluster}/insecure-skip-tls-verify`,
    /always verified/,
  ],
  [
    'TLS that is not verified, as text',
    () => config({ cluster: { 'insecure-skip-tls-verify': 'true' } }),
    `${cluster}/insecure-skip-tls-verify`,
    /always verified/,
  ],
  ['another server name', () => config({ cluster: { 'tls-server-name': 'kubernetes' } }), `${cluster}/tls-server-name`, /own address/],
  ['http', () => config({ cluster: { server: 'http://k.example' } }), `${cluster}/server`, /https/],
  ['a unix socket', () => config({ cluster: { server: 'unix:///var/run/docker.sock' } }), `${cluster}/server`, /https/],
  ['a file URL', () => config({ cluster: { server: 'file:///etc/passwd' } }), `${cluster}/server`, /https/],
  ['no scheme', () => config({ cluster: { server: 'k.example:6443' } }), `${cluster}/server`, /https/],
  ['a password in the URL', () => config({ cluster: { server: 'https://a:b@k.example' } }), `${cluster}/server`, /user or a password/],
  ['a query in the URL', () => config({ cluster: { server: 'https://k.example/?x=' } }), `${cluster}/server`, /query/],
  ['an empty query in the URL', () => config({ cluster: { server: 'https://k.example/?' } }), `${cluster}/server`, /query/],
  ['a fragment in the URL', () => config({ cluster: { server: 'https://k.example/#' } }), `${cluster}/server`, /query/],
  ['a line break in the URL', () => config({ cluster: { server: 'https://k.example\r\nHost: x' } }), `${cluster}/server`, /URL/],
  ['a backslash in the URL', () => config({ cluster: { server: 'https://k.example\\@evil' } }), `${cluster}/server`, /URL/],
  ['a server that is no text', () => config({ cluster: { server: ['https://k.example'] } }), `${cluster}/server`, /URL/],
  ['no server', () => config({ cluster: { server: undefined } }), `${cluster}/server`, /URL/],
  [
    'no authority',
    () => config({ cluster: { 'certificate-authority-data': undefined } }),
    `${cluster}/certificate-authority-data`,
    /missing/,
  ],
  [
    'an authority that is not base64',
    () => config({ cluster: { 'certificate-authority-data': '/etc/ssl/ca.pem!' } }),
    `${cluster}/certificate-authority-data`,
    /PEM/,
  ],
  [
    'an authority that is no certificate',
    () => config({ cluster: { 'certificate-authority-data': base64('hello') } }),
    `${cluster}/certificate-authority-data`,
    /PEM/,
  ],
  [
    'an authority that cannot be read',
    () => config({ cluster: { 'certificate-authority-data': base64('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n') } }),
    `${cluster}/certificate-authority-data`,
    /PEM/,
  ],
  [
    'a key among the authorities',
    () => config({ cluster: { 'certificate-authority-data': base64(ca + key) } }),
    `${cluster}/certificate-authority-data`,
    /PEM/,
  ],
  ['a token with a line break', () => config({ user: { token: `${token}\r\nX-Evil: 1` } }), `${user}/token`, /bearer token/],
  ['a token with a space', () => config({ user: { token: `${token} x` } }), `${user}/token`, /bearer token/],
  ['an empty token', () => config({ user: { token: '' } }), `${user}/token`, /bearer token/],
  ['a token that is no text', () => config({ user: { token: { a: 1 } } }), `${user}/token`, /bearer token/],
  ['a token and a certificate', () => config({ user: { token, 'client-certificate-data': base64(certificate) } }), user, /not both/],
  [
    'a certificate without its key',
    () => config({ user: { 'client-certificate-data': base64(certificate) } }),
    `${user}/client-key-data`,
    /missing/,
  ],
  [
    'a key of another certificate',
    () => config({ user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(otherKey) } }),
    `${user}/client-key-data`,
    /not the key/,
  ],
  ['no credential at all', () => config({ user: {} }), user, /must contain a token/],
  ['a user that is no mapping', () => config({ root: { users: [{ name: 'u', user: 'root' }] } }), user, /mapping/],
  ['no users', () => config({ root: { users: null } }), '/contexts/0/context/user', /one of users/],
  [
    'two users of one name',
    () =>
      config({
        root: {
          users: [
            { name: 'u', user: { token } },
            { name: 'u', user: { exec } },
          ],
        },
      }),
    '/contexts/0/context/user',
    /twice/,
  ],
  [
    'two clusters of one name',
    () => config({ root: { clusters: [1, 2].map(() => ({ name: 'k', cluster: { server: 'https://k.example' } })) } }),
    '/contexts/0/context/cluster',
    /twice/,
  ],
  [
    'two contexts and no current one',
    () =>
      config({ root: { 'current-context': '', contexts: [1, 2].map((n) => ({ name: `c${n}`, context: { cluster: 'k', user: 'u' } })) } }),
    '/current-context',
    /several/,
  ],
  [
    'two contexts of one name',
    () => config({ root: { contexts: [1, 2].map(() => ({ name: 'c', context: { cluster: 'k', user: 'u' } })) } }),
    '/current-context',
    /twice/,
  ],
  ['a current context that is not there', () => config({ root: { 'current-context': 'prod' } }), '/current-context', /does not exist/],
  ['a current context that is no text', () => config({ root: { 'current-context': { a: 1 } } }), '/current-context', /does not exist/],
  ['no contexts', () => config({ root: { contexts: [] } }), '/contexts', /must contain a context/],
  ['a context that is null', () => config({ root: { 'current-context': '', contexts: [null] } }), '/contexts/0/context', /mapping/],
  ['another kind', () => config({ root: { kind: 'Secret' } }), '/kind', /Config/],
  ['an alias', () => `a: &x 1\nb: *x\n`, '', /anchors|aliases/],
  ['a bomb of aliases', () => `a: &a [1,1]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: &d [*c,*c]\n`, '', /anchors|aliases/],
  ['an anchor alone', () => config().replace('"apiVersion"', '&x "apiVersion"'), '', /anchors/],
  ['a merge key', () => `<<: {kind: Config}\nkind: Config\n`, '', /merge/],
  ['the same key twice', () => `users: []\nkind: Config\nusers: [{name: u, user: {exec: {command: x}}}]\n`, '', /twice/],
  ['the same key twice, deep', () => config().replace('"token":', '"token": "x", "token":'), '', /twice/],
  ['several documents', () => `${config()}\n---\n${config()}`, '', /one document/],
  ['a tag that makes code', () => `a: !!js/function "function () { process.exit() }"\n`, '', /plain YAML|tags/],
  ['a tag of its own', () => `a: !include /etc/passwd\n`, '', /plain YAML|tags/],
  ['binary', () => `kind: !!binary Q29uZmln\n`, '', /plain YAML|tags|mapping/],
  ['65 KiB', () => config({ root: { preferences: 'x'.repeat(65 * 1024) } }), '', /64 KiB/],
  ['64 KiB of characters that are two bytes long', () => config({ root: { preferences: 'é'.repeat(40 * 1024) } }), '', /64 KiB/],
  ['brackets without end', () => '['.repeat(60_000), '', /deep/],
  ['nested sequences', () => `${'- '.repeat(20_000)}x`, '', /deep/],
  ['nested mappings', () => Array.from({ length: 60 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'), '', /deep/],
  ['nothing', () => '', '', /empty|mapping/],
  ['a comment', () => '# kubeconfig\n', '', /empty|mapping/],
  ['a list', () => '[1, 2]', '', /mapping/],
  ['a text', () => 'kubeconfig', '', /mapping/],
  ['what is not YAML', () => 'a: [', '', /plain YAML/],
  ['NUL bytes', () => '\u0000\u0000', '', /plain YAML|mapping|empty/],
  ['a key that is a mapping', () => '? {a: 1}\n: 2\n', '', /plain YAML/],
];

describe('a kubeconfig that is refused', () => {
  it('is a table of more than 40', () => {
    expect(hostile.length).toBeGreaterThan(40);
  });

  it.each(hostile)('%s, named by its place, with nothing started, opened or connected to', (_name, text, pointer, detail) => {
    const written = text();
    let reading: ReturnType<typeof parseKubeconfig> | undefined;
    const calls = reachingOut(() => (reading = parseKubeconfig(written)));
    expect(calls).toEqual([]);
    expect(reading?.credential).toBeNull();
    expect(reading?.faults).toContainEqual({ pointer, detail: expect.stringMatching(detail) as string });
  });

  it('would be noticed if it did reach out', () => {
    const attempt = (work: () => unknown): void => {
      try {
        work();
      } catch {
        // The replacement throws; that it was called is what matters.
      }
    };
    const calls = reachingOut(() => {
      attempt(() => importedRead('/etc/hostname'));
      attempt(() => importedExec('true'));
      attempt(() => net.connect(1));
      attempt(() => fs.promises.open('/etc/hostname'));
    });
    expect(calls).toEqual(['fs.readFileSync', 'childProcess.execFileSync', 'net.connect', 'fsPromises.open']);
  });

  it('is told everything at once', () => {
    const reading = parseKubeconfig(config({ cluster: { 'proxy-url': 'x', server: 'http://x' }, user: { exec, tokenFile: 'x' } }));
    expect(reading.faults?.map((fault) => fault.pointer)).toEqual([
      `${cluster}/proxy-url`,
      `${cluster}/server`,
      `${user}/exec`,
      `${user}/tokenFile`,
    ]);
  });

  it('never hears its secrets again', () => {
    const secret = 'canary canary canary';
    const { faults } = parseKubeconfig(
      config({ user: { token: secret, password: secret, 'client-key-data': secret }, cluster: { server: secret } }),
    );
    expect(JSON.stringify(faults)).not.toContain('canary');
  });

  it('or accepted, is always one of the two, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 2000 }),
          fc.json().map((value) => value),
        ),
        (text) => {
          const reading = parseKubeconfig(text);
          expect(reading.credential === null).toBe(reading.faults !== null);
          if (reading.faults !== null) expect(reading.faults.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('server, authority and token by themselves', () => {
  it('go through the same checks', () => {
    expect(parseConnection({ server: 'https://k.example/', caData: base64(ca), token }).credential).toEqual({
      server: 'https://k.example',
      ca: expect.any(String) as string,
      auth: { token },
    });
    expect(parseConnection({ server: 'https://k.example', caData: ca, token }).faults).toBeNull();
    expect(parseConnection({ server: 'http://k.example', caData: 'x', token: 'a b' }).faults?.map((fault) => fault.pointer)).toEqual([
      '/server',
      '/caData',
      '/token',
    ]);
  });
});
