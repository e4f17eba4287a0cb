import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Monitored } from '../helpers/monitored.ts'
import { coreBinary, planError } from '../helpers/native-plan.ts'
import { noContainers, ociConfig, scratch, until, type Scratch } from '../helpers/runtime-bundle.ts'

let own: Scratch
let box: Monitored
beforeEach(() => {
  own = scratch()
  box = new Monitored(own, `external-${own.path.slice(-6)}`)
})
afterEach(async () => {
  await box.dispose()
  own.dispose()
})

/** An OCI runtime that is the core, but for `exec`: that is `script`, with the flags in `flags` and a process to be told of in `start()`. */
function runtime(script: string): string {
  const path = join(own.path, 'runtime')
  writeFileSync(
    path,
    `#!${process.execPath}
const { spawn, spawnSync } = require('node:child_process')
const { writeFileSync } = require('node:fs')
const { connect } = require('node:net')
const args = process.argv.slice(2)
const flag = (name) => args[args.indexOf(name) + 1]
const start = () => {
  const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })
  child.unref()
  writeFileSync(flag('--pid-file'), String(child.pid))
  writeFileSync(${JSON.stringify(join(own.path, 'started'))}, String(child.pid))
}
if (args.includes('exec')) { ${script} }
else process.exitCode = spawnSync(${JSON.stringify(coreBinary)}, args, { stdio: 'inherit' }).status
`,
    { mode: 0o755 },
  )
  return path
}

describe.skipIf(noContainers)('exec by another runtime', () => {
  it('that fails after the process runs leaves no process', async () => {
    const path = runtime("start(); const socket = connect(flag('--console-socket'), () => socket.destroy())")
    const root = join(own.path, 'runtime-root')
    const answer = await box.start(['sleep', '1000'], { plan: { runtime: { kind: 'path', path, root } } })
    expect(answer.error).toBeUndefined()
    const { process: program } = ociConfig(['true'])
    const plan = { verb: 'exec', runDir: box.runDir, process: { ...program, terminal: true }, tty: true }
    expect(await planError(plan)).toMatchObject({
      code: 'RUNTIME_FAILED',
      message: expect.stringContaining('sent no terminal') as string,
    })
    const pid = readFileSync(join(own.path, 'started'), 'utf8')
    await until(() => !existsSync(`/proc/${pid}`), 'the end of the process')
  })
})
