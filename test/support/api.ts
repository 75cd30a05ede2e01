import { randomBytes } from 'node:crypto';
import type { INestApplication } from '@nestjs/common';
import { startApi } from '../../src/main.ts';
import type { Config } from '../../src/config.ts';
import { freshDatabase } from './database.ts';
import type { FreshDatabase } from './database.ts';
import { conforms } from './contract.ts';

export interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  /** null if there is none. */
  body: T;
  text: string;
}

export interface GraphqlAnswer<T = Record<string, unknown>> {
  status: number;
  data: T;
  errors: {
    message: string;
    path?: string[];
    extensions: {
      code: string;
      status: number;
      errors: { pointer?: string; parameter?: string; detail: string }[];
      requestId: string | null;
    };
  }[];
}

/** An API client with one key. Every REST answer is validated by the OpenAPI document. */
export interface Client {
  key: string;
  rest<T = Record<string, unknown>>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>;
  graphql<T = Record<string, unknown>>(
    query: string,
    variables?: Record<string, unknown>,
    headers?: Record<string, string>,
  ): Promise<GraphqlAnswer<T>>;
  /** The same key with extra headers on every request. */
  with(headers: Record<string, string>): Client;
}

export interface TestApi {
  url: string;
  database: FreshDatabase;
  app: INestApplication;
  operator: Client;
  /** A client for any key, or for none. */
  client(key: string | null): Client;
  /** A new tenant with a key of this role; `actingAs` is the operator on its behalf. */
  tenant(name: string, role?: 'VIEWER' | 'DEPLOYER' | 'ADMIN'): Promise<TestTenant>;
  close(): Promise<void>;
}

export interface TestTenant extends Client {
  id: string;
  name: string;
  /** Another key of the tenant. */
  as(role: 'VIEWER' | 'DEPLOYER' | 'ADMIN'): Promise<Client>;
}

export const OPERATOR_KEY = 'operator-key-of-the-tests-0123456789';

export function testConfig(database: FreshDatabase, change: Partial<Config> = {}): Config {
  return {
    environment: 'test',
    port: 0,
    metricsPort: null,
    databaseUrl: database.appUrl,
    databaseOwnerUrl: database.ownerUrl,
    redisUrl: null,
    dataDirectory: '/nonexistent',
    operatorKey: OPERATOR_KEY,
    masterKey: randomBytes(32),
    regions: null,
    allowedNetworks: ['127.0.0.0/8'],
    corsOrigins: [],
    logLevel: 'silent',
    ...change,
  };
}

function clientOf(url: string, key: string | null, always: Record<string, string> = {}): Client {
  const authorization: Record<string, string> = key === null ? {} : { authorization: `Bearer ${key}` };
  const rest: Client['rest'] = async (method, path, body, headers = {}) => {
    const isText = typeof body === 'string';
    const type: Record<string, string> = body === undefined || isText ? {} : { 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { body: isText ? body : JSON.stringify(body) };
    const response = await fetch(url + path, {
      method,
      headers: { ...authorization, ...type, ...always, ...headers },
      redirect: 'manual',
      ...sent,
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    const answer = { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : null) as never, text };
    await conforms(url, method, path, answer);
    return answer;
  };
  const graphql: Client['graphql'] = async (query, variables = {}, headers = {}) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { ...authorization, 'content-type': 'application/json', ...always, ...headers },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data: never; errors?: never };
    return { status: response.status, data, errors: errors ?? [] };
  };
  return { key: key ?? '', rest, graphql, with: (headers) => clientOf(url, key, { ...always, ...headers }) };
}

/** Throws with the API's answer unless the status is the expected one. */
export function expectStatus<T>(answer: Answer<T>, status: number): T {
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${answer.text}`);
  return answer.body;
}

/** The API on its own database, listening on a port. */
export async function startTestApi(change: Partial<Config> = {}, given?: FreshDatabase): Promise<TestApi> {
  const database = given ?? (await freshDatabase());
  const api = await startApi(testConfig(database, change));
  const client = (key: string | null): Client => clientOf(api.url, key);
  const operator = client(OPERATOR_KEY);
  return {
    url: api.url,
    database,
    app: api.app,
    operator,
    client,
    tenant: (name, role = 'ADMIN') => makeTenant(operator, client, name, role),
    close: async () => {
      await api.close();
      await database.drop();
    },
  };
}

/** A second instance of the API on the same database, in this process. */
export async function secondApi(first: TestApi): Promise<{ client(key: string | null): Client; close(): Promise<void> }> {
  const api = await startApi(testConfig(first.database));
  return { client: (key) => clientOf(api.url, key), close: api.close };
}

async function makeTenant(operator: Client, client: (key: string) => Client, name: string, role: string): Promise<TestTenant> {
  const quotas = { requestsPerSecond: 10_000, requestBurst: 100_000 };
  const { id } = expectStatus(await operator.rest<{ id: string }>('POST', '/v1/tenants', { name, quotas }), 201);
  const acting = operator.with({ 'slipway-tenant': id });
  const as = async (wanted: string): Promise<Client> => {
    const body = { name: `key-${randomBytes(4).toString('hex')}`, role: wanted };
    return client(expectStatus(await acting.rest<{ secret: string }>('POST', '/v1/api-keys', body), 201).secret);
  };
  return { ...(await as(role)), id, name, as };
}

/** Creates a region as the operator. */
export async function makeRegion(api: TestApi, name: string): Promise<{ id: string; name: string }> {
  return expectStatus(await api.operator.rest<{ id: string; name: string }>('POST', '/v1/regions', { name }), 201);
}
