import type { Database } from './database.ts';

/** The secret that signs webhooks where WEBHOOK_SECRET is not set. */
export const WEBHOOK_SECRET_SETTING = 'webhook_secret';

/** What this installation made for itself. */
export function createSettingStore(database: Database) {
  return {
    /** Reads a setting, or keeps `make()` when it is new. Every process gets the same value. */
    async getOrCreate(name: string, make: () => string): Promise<string> {
      const value = (await read(database, name)) ?? (await create(database, name, make()));
      if (value === undefined) throw new Error(`setting ${name} disappeared`);
      return value;
    },
  };
}

async function read(database: Database, name: string): Promise<string | undefined> {
  const [row] = await database.query<{ value: string }>('select value from longshore.settings where name = $1', [name]);
  return row?.value;
}

/** @returns what is kept: another process may have been first */
async function create(database: Database, name: string, value: string): Promise<string | undefined> {
  await database.query('insert into longshore.settings (name, value) values ($1, $2) on conflict do nothing', [
    name,
    value,
  ]);
  return read(database, name);
}
