import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: [
    './src/store/schema.ts',
    './src/store/catalogue-schema.ts',
    './src/store/teams-schema.ts',
    './src/store/search-schema.ts',
  ],
  out: './drizzle',
  schemaFilter: ['longshore'],
});
