/**
 * `node tools.ts NAME ...`: the part of curl, jq and kubectl that documents use, for machines that lack them or have other versions. What it does not know it
 * refuses. Each request to the API is noted, with its status, in the file that REQUESTS names.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { request } from 'node:https';

const [tool = '', ...given] = process.argv.slice(2);
const stdin = (): string => readFileSync(0, 'utf8');

function unknown(): never {
  throw new Error(`${tool}: not understood here: ${given.join(' ')}`);
}

async function curl(): Promise<void> {
  const headers = new Headers();
  let [url, method, body]: [string | null, string | null, string | null] = [null, null, null];
  const content = (value: string): string =>
    value === '@-' ? stdin() : value.startsWith('@') ? readFileSync(value.slice(1), 'utf8') : value;
  for (let i = 0; i < given.length; i += 1) {
    const option = given[i] ?? '';
    if (option === '-sS') continue;
    if (!option.startsWith('-')) {
      url = option;
      continue;
    }
    const value = given[(i += 1)] ?? unknown();
    if (option === '-X') method = value;
    else if (option === '-H') headers.append(...(value.split(/: (.*)/s, 2) as [string, string]));
    else if (option === '--json') {
      headers.set('content-type', 'application/json');
      body = content(value);
    } else if (option === '--data-binary') body = content(value);
    else unknown();
  }
  method ??= body === null ? 'GET' : 'POST';
  const answer = await fetch(`http://${url}`, { method, headers, body });
  const text = await answer.text();
  appendFileSync(process.env['REQUESTS'] ?? '', `${method} /${url?.split('/').slice(1).join('/')} ${answer.status}\n`);
  process.stdout.write(text);
}

/** `-r .FIELD`, and `-n --rawfile NAME FILE '{...}'` with an object of texts and variables. */
function jq(): void {
  if (given.length === 2 && given[0] === '-r' && /^\.\w+$/.test(given[1] ?? '')) {
    const value = (JSON.parse(stdin()) as Record<string, unknown>)[(given[1] ?? '').slice(1)];
    return void process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value ?? null)}\n`);
  }
  const [null_, rawfile, name, file, expression = '', ...rest] = given;
  if (null_ !== '-n' || rawfile !== '--rawfile' || file === undefined || rest.length > 0) unknown();
  const json = expression.replaceAll(/(\w+):/g, '"$1":').replaceAll(`$${name}`, () => JSON.stringify(readFileSync(file, 'utf8')));
  process.stdout.write(JSON.stringify(JSON.parse(json)));
}

interface Kubeconfig {
  clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
  users: [{ user: { token: string } }];
}

/** `create namespace NAME --dry-run=client -o yaml`, and `--kubeconfig FILE apply -f -` of a namespace. */
async function kubectl(): Promise<void> {
  const [first, second, third, ...rest] = given;
  if (first === 'create' && second === 'namespace' && rest.join(' ') === '--dry-run=client -o yaml')
    return void process.stdout.write(`apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${third}\n`);
  if (first !== '--kubeconfig' || second === undefined || [third, ...rest].join(' ') !== 'apply -f -') unknown();
  // What the other tools do not need takes most of a start.
  const { parse } = await import('yaml');
  const { clusters, users } = parse(readFileSync(second, 'utf8')) as Kubeconfig;
  const { server, 'certificate-authority-data': authority } = clusters[0].cluster;
  const text = stdin();
  const { kind, metadata } = parse(text) as { kind: string; metadata: { name: string } };
  if (kind !== 'Namespace') unknown();
  const headers = { authorization: `Bearer ${users[0].user.token}`, 'content-type': 'application/apply-patch+yaml' };
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const url = `${server}/api/v1/namespaces/${metadata.name}?fieldManager=kubectl`;
    const sent = request(url, { method: 'PATCH', headers, ca: Buffer.from(authority, 'base64') }, (answer) =>
      resolve(answer.resume().statusCode),
    );
    sent.once('error', reject).end(text);
  });
  if (status !== 200 && status !== 201) throw new Error(`kubectl: the cluster answered ${status}`);
}

if (tool === 'curl') await curl();
else if (tool === 'jq') jq();
else if (tool === 'kubectl') await kubectl();
else unknown();
