import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useOci } from '../helpers/oci-test.ts'
import { noContainers, ociConfig, type Config, type OciRuntime, type Scratch } from '../helpers/runtime-bundle.ts'

let own: Scratch
let oci: OciRuntime
let id: string
useOci('hook', (test) => ({ own, oci, id } = test))

const shell = (script: string): object => ({ path: '/bin/sh', args: ['sh', '-c', script] })

function run(config: Config, env: NodeJS.ProcessEnv = {}): ReturnType<OciRuntime['run']> {
  return oci.run(['run', '--bundle', oci.bundle(config), id], { env })
}

describe.skipIf(noContainers)('a startContainer hook', () => {
  it('has the environment of the process, and nothing of the runtime', () => {
    const config = ociConfig(['true'])
    config.process['env'] = ['PATH=/bin', 'ONE=two']
    config.hooks = { startContainer: [shell('echo "$ONE $HOME $SECRET."')] }
    expect(run(config, { SECRET: 'of the runtime' })).toEqual({ status: 0, stdout: 'two /root .\n', stderr: '' })
    config.hooks = { startContainer: [{ ...shell('echo "$ONE."; echo "$OWN"'), env: ['OWN=named'] }] }
    expect(run(config)).toEqual({ status: 0, stdout: '.\nnamed\n', stderr: '' })
  })

  it('may do no more than the seccomp filter lets the container', () => {
    const config = ociConfig(['true'])
    config.process['rlimits'] = [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }]
    config.linux['seccomp'] = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_KILL_PROCESS' }],
    }
    config.hooks = { startContainer: [{ path: '/bin/busybox', args: ['mkdir', '/tmp/made'] }] }
    for (const noNewPrivileges of [false, true]) {
      config.process['noNewPrivileges'] = noNewPrivileges
      const { status, stderr } = run(config)
      expect(status).toBe(1)
      expect(stderr).toContain("startContainer hook was ended by signal 31 (bad system call): '/bin/busybox'")
    }
  })
})

describe.skipIf(noContainers)('a hook that fails', () => {
  it.for(['createRuntime', 'createContainer', 'startContainer'])('tells what it said on stderr: %s', (kind) => {
    const config = ociConfig(['true'])
    config.hooks = { [kind]: [shell('echo out; echo the reason >&2; exit 4')] }
    const { status, stdout, stderr } = run(config)
    expect(status).toBe(1)
    expect(stdout).toBe('out\n')
    expect(stderr).toContain(`${kind} hook failed with exit code 4: '/bin/sh': the reason`)
    expect(stderr.startsWith('the reason\n')).toBe(true)
  })

  it('is not waited for by way of those who have its stderr', () => {
    const config = ociConfig(['true'])
    const left = join(own.path, 'left')
    config.hooks = { createRuntime: [shell(`sleep 1000 > /dev/null & echo $! > ${left}; exit 4`)] }
    const { stderr } = run(config)
    process.kill(Number(readFileSync(left, 'utf8')), 'SIGKILL')
    expect(stderr).toContain("createRuntime hook failed with exit code 4: '/bin/sh'")
  })

  it('of createContainer runs in the bundle', () => {
    const config = ociConfig(['true'])
    const bundle = oci.bundle(config)
    const script = join(own.path, 'hook')
    writeFileSync(script, '#!/bin/sh\npwd\n')
    chmodSync(script, 0o755)
    config.hooks = { createContainer: [{ path: script }] }
    expect(run(config)).toEqual({ status: 0, stdout: `${bundle}\n`, stderr: '' })
  })
})
