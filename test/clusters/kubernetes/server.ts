import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
x509.cryptoProvider.set(webcrypto as never);

export interface Authority {
  pem: string;
  issue(options: { ips?: string[]; names?: string[]; commonName?: string; client?: boolean }): Promise<{ cert: string; key: string }>;
}

export async function makeAuthority(name = 'test authority'): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const day = 86_400_000;
  const validity = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + day), signingAlgorithm: algorithm };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: `CN=${name}`,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)],
  });
  return {
    pem: root.toString('pem'),
    async issue({ ips = [], names = [], commonName = 'leaf', client = false }) {
      const leaf = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const alternative = [
        ...ips.map((value) => ({ type: 'ip' as const, value })),
        ...names.map((value) => ({ type: 'dns' as const, value })),
      ];
      const certificate = await x509.X509CertificateGenerator.create({
        ...validity,
        subject: `CN=${commonName}`,
        issuer: root.subject,
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          ...(alternative.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternative)] : []),
          new x509.ExtendedKeyUsageExtension([client ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth]),
        ],
      });
      const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leaf.privateKey)).toString('base64');
      return { cert: certificate.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
    },
  };
}

export interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface TestServer {
  url: string;
  port: number;
  ca: string;
  authority: Authority;
  seen: Seen[];
  /** Every connection that was ever made. */
  connections: Socket[];
  /** Exchanges what answers; requests in flight keep their answerer. */
  answer: (answerer: Answerer) => void;
  /** Exchanges the serving certificate. */
  certify: (authority: Authority) => Promise<void>;
  close(): Promise<void>;
}

export type Answerer = (request: Seen, response: ServerResponse) => void | Promise<void>;

/** An HTTPS server on 127.0.0.1 that answers what the test says. */
export async function startServer(
  answerer: Answerer,
  options: { authority?: Authority; clientAuthority?: Authority } = {},
): Promise<TestServer> {
  const authority = options.authority ?? (await makeAuthority());
  const { cert, key } = await authority.issue({ ips: ['127.0.0.1'], names: ['cluster.example'] });
  const seen: Seen[] = [];
  const connections: Socket[] = [];
  let current = answerer;
  const tls = {
    cert,
    key,
    ...(options.clientAuthority ? { ca: options.clientAuthority.pem, requestCert: true, rejectUnauthorized: true } : {}),
  };
  const server = createServer(tls, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const entry = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      seen.push(entry);
      void current(entry, response);
    });
  });
  server.on('connection', (socket: Socket) => connections.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    ca: authority.pem,
    authority,
    seen,
    connections,
    answer: (next) => void (current = next),
    certify: async (other) => server.setSecureContext(await other.issue({ ips: ['127.0.0.1'] })),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      }),
  };
}

export function json(response: ServerResponse, value: unknown, status = 200, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

export function status(code: number, reason: string, message: string, details: Record<string, unknown> = {}): Record<string, unknown> {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details };
}
