import { eq } from 'drizzle-orm';
import type { Database } from './database.ts';
import { settings } from './schema.ts';

/** The secret that signs webhooks where WEBHOOK_SECRET is not set. */
export const WEBHOOK_SECRET_SETTING = 'webhook_secret';

/** What this installation made for itself. */
export function createSettingStore(database: Database) {
  return {
    /** Reads a setting, or keeps `make()` when it is new. Every process gets the same value. */
    async getOrCreate(name: string, make: () => string): Promise<string> {
      await database.run(database.orm.insert(settings).values({ name, value: make() }).onConflictDoNothing());
      const [row] = await database.run(database.orm.select().from(settings).where(eq(settings.name, name)));
      if (!row) throw new Error(`setting ${name} disappeared`);
      return row.value;
    },
  };
}
