import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'

/** Ends the run with `N passed, M failed`, and leaves the two numbers in .cache/test-summary for scripts. A file that cannot be loaded counts as a failure. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    let passed = 0
    let failed = unhandled.length
    let skipped = 0
    for (const module of modules) {
      if (module.errors().length > 0) failed += 1
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed += 1
        else if (state === 'failed') failed += 1
        else skipped += 1
      }
    }
    const cache = join(import.meta.dirname, '../.cache')
    mkdirSync(cache, { recursive: true })
    writeFileSync(join(cache, 'test-summary'), `${passed} ${failed}\n`)
    process.once('exit', () =>
      process.stdout.write(`${skipped > 0 ? `${skipped} skipped\n` : ''}${passed} passed, ${failed} failed\n`),
    )
  }
}
