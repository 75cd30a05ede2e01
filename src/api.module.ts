import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR } from '@nestjs/core';
import { Answers } from './platform/api/answer.ts';
import { Expiry } from './platform/db/expiry.ts';
import { Tenantless } from './platform/graphql/tenantless.ts';
import { Health } from './platform/http/health.ts';
import { ProblemFilter } from './platform/http/server.ts';
import { Idempotency } from './platform/api/idempotency.ts';
import { Work } from './runtime/work.ts';
import { WorkRows } from './runtime/work-rows.ts';
import { PreferWait, Waits } from './platform/api/prefer-wait.ts';
import { Readiness } from './platform/http/readiness.ts';
import { Resources } from './platform/api/resources.ts';
import { Shapes } from './platform/api/shapes.ts';

/** The interceptors of every route and operation, outermost first: scope of the operator, answers, shapes, `Prefer: wait`, idempotency. */
@Global()
@Module({
  providers: [
    Resources,
    Waits,
    Health,
    Work,
    WorkRows,
    Readiness,
    Expiry,
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_INTERCEPTOR, useClass: Tenantless },
    { provide: APP_INTERCEPTOR, useClass: Answers },
    { provide: APP_INTERCEPTOR, useClass: Shapes },
    { provide: APP_INTERCEPTOR, useClass: PreferWait },
    { provide: APP_INTERCEPTOR, useClass: Idempotency },
  ],
  exports: [Resources, Waits, Health, Work, Expiry],
})
export class ApiModule {}
