import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { printSchema } from 'graphql';
import { Registry } from 'prom-client';
import { AppModule } from './app.module.ts';
import { isAction } from './auth/actions.ts';
import { RequestHooks } from './auth/hooks.ts';
import { Health } from './common/health.ts';
import { createAdapter } from './common/http/server.ts';
import { measureRequests, serveMetrics } from './common/metrics.ts';
import { openApi } from './common/openapi.ts';
import { Resources } from './common/resources.ts';
import { routes } from './common/route.ts';
import { type Config, configOrExit } from './config.ts';

export interface Api {
  /** As in `http://127.0.0.1:3000`. */
  url: string;
  metricsUrl: string | null;
  app: NestFastifyApplication;
  close(): Promise<void>;
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

const SHOWN_HEADERS = ['ETag', 'Location', 'Idempotency-Replayed', 'Preference-Applied', 'Retry-After', 'X-Request-Id', 'RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'];
const TAKEN_HEADERS = ['Authorization', 'Content-Type', 'Idempotency-Key', 'If-Match', 'Prefer', 'Last-Event-ID', 'Slipway-Tenant', 'Slipway-Actor'];

/** Each route and what makes it repeatable must be known before anybody can ask for it. */
function checkRoutes(resources: Resources): void {
  for (const route of routes()) {
    if (!isAction(route.action)) throw new Error(`${route.method} ${route.path} has the unknown action ${route.action}`);
    for (const resource of [route.idempotent, route.waits]) {
      if (typeof resource === 'string' && !resources.has(resource)) throw new Error(`${route.method} ${route.path} needs ${resource}, which nobody reads`);
    }
  }
}

/** What answers without a key. */
function serveOpenPages(app: NestFastifyApplication, config: Config): { openapi: object; sdl: () => string } {
  const server = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const openapi = openApi(routes(), version);
  const sdl = (): string => `${printSchema(app.get(GraphQLSchemaHost).schema)}\n`;
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) => {
    const findings = await app.get(Health).findings();
    return reply.status(findings.ready ? 200 : 503).send(findings);
  });
  server.get('/schema.graphql', async (_request, reply) => reply.type('text/plain; charset=utf-8').send(sdl()));
  server.get('/openapi.json', async () => openapi);
  SwaggerModule.setup('docs', app, openapi, { jsonDocumentUrl: '/docs-json', yamlDocumentUrl: '/docs-yaml', customSiteTitle: 'Slipway' });
  void config;
  return { openapi, sdl };
}

/** The API, set up and not yet listening. */
export async function createApi(config: Config, logger: LoggerService | false = false): Promise<{ app: NestFastifyApplication; registry: Registry; openapi: object; sdl: () => string }> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.register(config), createAdapter(), {
    bodyParser: false,
    bufferLogs: true,
    abortOnError: false,
    ...(logger === false ? { logger: ['error', 'warn', 'fatal'] } : { logger }),
  });
  const server = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const registry = new Registry();
  if (config.corsOrigins.length > 0) {
    app.enableCors({ origin: [...config.corsOrigins], allowedHeaders: TAKEN_HEADERS, exposedHeaders: SHOWN_HEADERS, methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], maxAge: 3600 });
  }
  // After CORS, so that a refusal can be read by the browser's page too.
  const hooks = app.get(RequestHooks);
  const install = Object.assign(async (instance: FastifyInstance) => hooks.install(instance), { [Symbol.for('skip-override')]: true });
  await server.register(install);
  measureRequests(server, registry);
  checkRoutes(app.get(Resources));
  const pages = serveOpenPages(app, config);
  await app.init();
  await server.ready();
  return { app, registry, ...pages };
}

/** Starts the API and answers when it can be asked. */
export async function startApi(config: Config, logger: LoggerService | false = false): Promise<Api> {
  const { app, registry } = await createApi(config, logger);
  await app.listen(config.port, '0.0.0.0');
  const metrics = config.metricsPort === null ? null : await serveMetrics(config.metricsPort, registry);
  const close = async (): Promise<void> => {
    await Promise.all([app.close(), metrics?.close()]);
  };
  const address = app.getHttpServer().address() as { port: number };
  return { url: `http://127.0.0.1:${address.port}`, metricsUrl: metrics ? `http://127.0.0.1:${metrics.port}/metrics` : null, app, close };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const api = await startApi(configOrExit('api'));
  process.stdout.write(`Slipway's API is at ${api.url}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void api.close().then(() => process.exit(0)));
}
