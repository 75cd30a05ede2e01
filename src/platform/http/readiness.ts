import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '../settings.ts';
import type { PlatformSettings } from '../settings.ts';
import { Database } from '../db/database.ts';
import { Health } from './health.ts';
import { isMigrated } from '../db/migrate.ts';
import { Queues } from '../queue/queue.ts';

/** What every process needs: the database, the queue and all migrations. Once seen, migrations are not checked again. */
@Injectable()
export class Readiness {
  private migrated = false;

  constructor(@Inject(CONFIG) config: PlatformSettings, database: Database, queues: Queues, health: Health) {
    health.add('database', async () => void (await database.now()));
    health.add('queue', () => queues.ping());
    health.add('migrations', async () => {
      this.migrated ||= await isMigrated(config.databaseOwnerUrl);
      if (!this.migrated) throw new Error('migrations are missing');
    });
  }
}
