import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coreBinary } from '../helpers/native-plan.ts'
import { noContainers } from '../helpers/runtime-bundle.ts'
import { image, openContainerCli } from '../helpers/container-cli.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let cli: Cli
beforeAll(async () => {
  cli = await openContainerCli()
})
afterAll(() => cli[Symbol.asyncDispose]())

describe('build --runtime', () => {
  it.skipIf(noContainers)('has another OCI runtime run the steps, and keeps what they made', async () => {
    const folder = cli.files('runtime', { other: `#!/bin/sh\necho "$*" >>"$0.log"\nexec ${coreBinary} "$@"\n` })
    const other = join(folder, 'other')
    chmodSync(other, 0o755)
    const context = cli.files('steps', {
      Dockerfile: `FROM ${image} AS made\nRUN touch /made\nFROM scratch\nCOPY --from=made /made /\n`,
    })
    const dest = join(cli.folder, 'result')
    await cli.ok('build', '-q', '--no-cache', '--runtime', other, '--network', 'none', '-o', dest, context)
    expect(readFileSync(join(dest, 'made'), 'utf8')).toBe('')
    expect(readFileSync(`${other}.log`, 'utf8')).toMatch(/ create /)
  })

  it('a runtime that is not there is a mistake of the command line', async () => {
    const context = cli.files('empty', { Dockerfile: 'FROM scratch\n' })
    expect(await cli.fails(['build', '--runtime', 'no-such-runtime', context])).toMatchObject({ code: 'USAGE' })
  })
})
