import { defineConfig } from 'vitest/config'

/** Tests run on the pinned Node against the TypeScript sources; `tsbuild-source` makes the workspace package resolve to its sources too. */
export default defineConfig({
  resolve: { conditions: ['tsbuild-source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['tsbuild-source', 'node', 'import', 'default'] } },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
})
