import '../require-node.mjs';
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { printSchema } from 'graphql';
import { Registry } from 'prom-client';
import { AppModule } from './app.module.ts';
import { checkCompleteness } from './auth/completeness.ts';
import { RequestHooks } from './auth/hooks.ts';
import { Health } from './platform/http/health.ts';
import { idleConnections } from './platform/http/connections.ts';
import { createAdapter } from './platform/http/server.ts';
import { createLogger } from './platform/log/logger.ts';
import { measureRequests, type Metrics, serveMetrics } from './platform/http/metrics.ts';
import { migrate } from './platform/db/migrate.ts';
import { nestLogger } from './platform/log/nest-logger.ts';
import { type ApiDescription, openApi } from './platform/api/openapi.ts';
import { runUntilStopped } from './platform/process.ts';
import { Resources } from './platform/api/resources.ts';
import { routes } from './platform/api/route.ts';
import { type Config, configOrExit } from './config.ts';
import { checkMasterKey } from './tenants/master-key.ts';

export interface Api {
  /** For example `http://127.0.0.1:3000`. */
  url: string;
  metricsUrl: string | null;
  app: NestFastifyApplication;
  close(): Promise<void>;
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

const DESCRIPTION: ApiDescription = {
  title: 'Slipway',
  version,
  description: 'Rolls out whole pods to many Kubernetes clusters. The same nouns and verbs are at /graphql.',
  key: "An API key (`slp_...`), or the operator's key with `Slipway-Tenant`.",
};

const SHOWN_HEADERS = [
  'ETag',
  'Location',
  'Idempotency-Replayed',
  'Preference-Applied',
  'Retry-After',
  'X-Request-Id',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
];
/** How long running requests have to be answered once the process stops. */
const STOP_MILLISECONDS = 10_000;
const TAKEN_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'Prefer',
  'Last-Event-ID',
  'Slipway-Tenant',
  'Slipway-Actor',
];

/** Pages that need no key and are the same for everyone. */
function serveOpenPages(app: NestFastifyApplication): void {
  const server = serverOf(app);
  const document = openApi(routes(), DESCRIPTION);
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) => {
    const findings = await app.get(Health).findings();
    return reply.status(findings.ready ? 200 : 503).send(findings);
  });
  server.get('/openapi.json', async () => document);
  server.get('/schema.graphql', async (_request, reply) =>
    reply.type('text/plain; charset=utf-8').send(`${printSchema(app.get(GraphQLSchemaHost).schema)}\n`),
  );
  server.get('/docs/', async (_request, reply) => reply.redirect('/docs', 308));
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: '/docs-json', yamlDocumentUrl: '/docs-yaml', customSiteTitle: 'Slipway' });
}

function allowOrigins(app: NestFastifyApplication, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
  app.enableCors({ origin: [...origins], allowedHeaders: TAKEN_HEADERS, exposedHeaders: SHOWN_HEADERS, methods, maxAge: 3600 });
}

const serverOf = (app: NestFastifyApplication): FastifyInstance => app.getHttpAdapter().getInstance();

/** While the process stops, each response closes its connection: an open one would delay the stop until it times out. */
function endConnectionsWhenStopping(app: NestFastifyApplication): void {
  const health = app.get(Health);
  serverOf(app).addHook('onSend', async (_request, reply) => {
    if (health.isStopping) reply.header('connection', 'close');
  });
}

/** The API, not yet listening. */
async function createApi(config: Config, registry: Registry): Promise<NestFastifyApplication> {
  const logger = nestLogger(createLogger(config));
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.register(config), createAdapter(), {
    bodyParser: false,
    abortOnError: false,
    logger,
  });
  allowOrigins(app, config.corsOrigins);
  // After CORS, so that pages in a browser can read refusals too.
  const hooks = app.get(RequestHooks);
  const install = async (instance: FastifyInstance): Promise<void> => hooks.install(instance);
  await serverOf(app).register(Object.assign(install, { [Symbol.for('skip-override')]: true }));
  endConnectionsWhenStopping(app);
  measureRequests(serverOf(app), registry);
  serveOpenPages(app);
  await app.init();
  checkCompleteness(app.get(Resources));
  await serverOf(app).ready();
  return app;
}

/**
 * Starts the API on a migrated database. Resolves when it accepts requests.
 *
 * @param registry of metrics, for one that shares the API's process
 */
export async function startApi(config: Config, registry = new Registry()): Promise<Api> {
  const app = await createApi(config, registry);
  let metrics: Metrics | null = null;
  const cutIdle = idleConnections(serverOf(app).server);
  const close = async (): Promise<void> => {
    cutIdle();
    const late = setTimeout(() => serverOf(app).server.closeAllConnections(), STOP_MILLISECONDS);
    await Promise.all([app.close(), metrics?.close()]).finally(() => clearTimeout(late));
  };
  try {
    // Not Nest's own `listen`, which also logs a port in use; the process prints its own line.
    await app.getHttpAdapter().getInstance().listen({ port: config.port, host: '0.0.0.0' });
    metrics = config.metricsPort === null ? null : await serveMetrics(config.metricsPort, registry);
  } catch (error) {
    await close();
    throw error;
  }
  const { port } = app.getHttpServer().address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, metricsUrl: metrics ? `http://127.0.0.1:${metrics.port}/metrics` : null, app, close };
}

if (import.meta.main) {
  await runUntilStopped(async () => {
    const config = configOrExit('api');
    await migrate(config.databaseOwnerUrl, config.databaseUrl);
    await checkMasterKey(config);
    const api = await startApi(config);
    process.stdout.write(`Slipway's API is at ${api.url}\n`);
    return api;
  });
}
