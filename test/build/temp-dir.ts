import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

/** A folder that is removed after the test. */
export function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'tsbuild-build-'))
  made.push(path)
  return path
}

const made: string[] = []

afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true })
})
