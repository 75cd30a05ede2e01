import { type DynamicModule, Module } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { AuthModule } from './auth/auth.module.ts';
import { ClusterModule } from './clusters/cluster.module.ts';
import { ApiModule } from './api.module.ts';
import { PlatformModule } from './platform.module.ts';
import { EventModule } from './events/event.module.ts';
import { RolloutModule } from './rollouts/rollout.module.ts';
import { WorkloadModule } from './workloads/workload.module.ts';
import { GraphqlSetup } from './platform/graphql/module.ts';
import type { Config } from './config.ts';
import { EventLogModule } from './events/event-log.module.ts';
import { TemplateModule } from './templates/template.module.ts';
import { TenantModule } from './tenants/tenant.module.ts';

/** The API: every feature and the shared modules. */
@Module({})
export class AppModule {
  static register(config: Config): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PlatformModule.register(config),
        ApiModule,
        EventLogModule,
        TenantModule,
        AuthModule,
        TemplateModule,
        ClusterModule,
        WorkloadModule,
        RolloutModule,
        EventModule,
        GraphQLModule.forRootAsync<MercuriusDriverConfig>({ driver: MercuriusDriver, imports: [AuthModule], useClass: GraphqlSetup }),
      ],
    };
  }
}
