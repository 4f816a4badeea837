import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const isCrowded = Boolean(process.env.CI) || availableParallelism() <= 4;

export default defineConfig({
  resolve: {
    alias: [
      { find: /^longshore$/, replacement: pathOf('src/index.ts') },
      { find: /^longshore\/testing$/, replacement: pathOf('src/testing.ts') },
    ],
  },
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts'],
          // For tests that start a process or load job files: no test asserts a speed, the limit only ends what hangs.
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          globalSetup: 'test/support/global-setup.ts',
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Each file starts programs of its own: more files at once only makes all of them slow.
          maxWorkers: isCrowded ? 2 : 4,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    teardownTimeout: 30_000,
  },
});
