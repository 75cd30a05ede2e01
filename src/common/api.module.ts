import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR } from '@nestjs/core';
import { Answers } from './answer.ts';
import { Expiry } from './expiry.ts';
import { Tenantless } from './graphql/tenantless.ts';
import { Health } from './health.ts';
import { ProblemFilter } from './http/server.ts';
import { Idempotency } from './idempotency.ts';
import { Nudges } from './nudges.ts';
import { PreferWait, Waits } from './prefer-wait.ts';
import { Readiness } from './readiness.ts';
import { Resources } from './resources.ts';
import { Shapes } from './shapes.ts';

/** The interceptors of every route and operation, outermost first: scope of the operator, answers, shapes, `Prefer: wait`, idempotency. */
@Global()
@Module({
  providers: [
    Resources,
    Waits,
    Health,
    Nudges,
    Readiness,
    Expiry,
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_INTERCEPTOR, useClass: Tenantless },
    { provide: APP_INTERCEPTOR, useClass: Answers },
    { provide: APP_INTERCEPTOR, useClass: Shapes },
    { provide: APP_INTERCEPTOR, useClass: PreferWait },
    { provide: APP_INTERCEPTOR, useClass: Idempotency },
  ],
  exports: [Resources, Waits, Health, Nudges],
})
export class ApiModule {}
