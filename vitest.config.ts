import { defineConfig } from 'vitest/config'

/** Tests run on the pinned Node against the TypeScript sources; `tsbuild-source` makes the workspace package resolve to its sources too. */
export default defineConfig({
  resolve: { conditions: ['tsbuild-source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['tsbuild-source', 'node', 'import', 'default'] } },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/helpers/machine.ts'],
    // Limits against what hangs: a busy machine of two cores needs a fraction of them.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000, interval: 50 } },
    pool: 'forks',
    maxWorkers: 2,
  },
})
