import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { CALLERS } from '../platform/graphql/module.ts';
import { TenantModule } from '../tenants/tenant.module.ts';
import { ApiKeyController } from './api-key.controller.ts';
import { ApiKeyRepository } from './api-key.repository.ts';
import { ApiKeyResolver } from './api-key.resolver.ts';
import { ApiKeyService } from './api-key.service.ts';
import { Authentication } from './authentication.ts';
import { Authorization } from './authorization.guard.ts';
import { KeyCallers } from './callers.ts';
import { RequestHooks } from './hooks.ts';
import { KeyRing } from './key-ring.ts';
import { MeController } from './me.controller.ts';
import { MeResolver } from './me.resolver.ts';
import { MeService } from './me.service.ts';
import { Meter } from './meter.ts';

/** Global, because streams must end when a key is revoked, and the features below may not import this one. */
@Global()
@Module({
  imports: [TenantModule],
  controllers: [ApiKeyController, MeController],
  providers: [
    KeyRing,
    Authentication,
    Meter,
    RequestHooks,
    KeyCallers,
    { provide: CALLERS, useExisting: KeyCallers },
    { provide: APP_GUARD, useClass: Authorization },
    ApiKeyRepository,
    ApiKeyService,
    ApiKeyResolver,
    MeService,
    MeResolver,
  ],
  exports: [CALLERS, RequestHooks, KeyCallers],
})
export class AuthModule {}
