import { execFileSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openFolder } from '../../../src/build/context/local-folder.ts'
import { tempDir } from '../temp-dir.ts'

const fetched = (path: string) =>
  openFolder({
    name: 'x',
    path,
    title: 'x',
    indexes: null,
    dispose: async () => {},
    signal: AbortSignal.timeout(60_000),
  })

describe('the ignore file of a fetched context', () => {
  it('may be a link inside', async () => {
    const path = tempDir()
    writeFileSync(join(path, 'list'), '*.log\n')
    symlinkSync('list', join(path, '.dockerignore'))
    expect((await fetched(path)).ignore?.rules).toHaveLength(1)
  })

  it.for<[string, (file: string) => void]>([
    ['lead out', (file) => symlinkSync('/etc/passwd', file)],
    ['be a pipe', (file) => void execFileSync('mkfifo', [file])],
  ])('may not %s', async ([, make]) => {
    const path = tempDir()
    make(join(path, '.dockerignore'))
    await expect(fetched(path)).rejects.toMatchObject({ code: 'CONTEXT_UNREADABLE' })
  })
})
