import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { coreBinary, runPlan } from '../helpers/native-plan.ts'
import { useOci } from '../helpers/oci-test.ts'
import {
  type OciRuntime,
  noContainers,
  ociConfig,
  until,
  type Config,
  type Scratch,
} from '../helpers/runtime-bundle.ts'

let own: Scratch
let oci: OciRuntime
let id: string
useOci('user', (test) => ({ own, oci, id } = test))
beforeEach(() => {
  chmodSync(own.path, 0o755)
  mkdirSync(join(own.root, 'mnt'))
})

const outside = 200_000
function mapped(config: Config): Config {
  const map = [{ containerID: 0, hostID: outside, size: 65_536 }]
  config.linux['uidMappings'] = map
  config.linux['gidMappings'] = map
  ;(config.linux['namespaces'] as object[]).push({ type: 'user' })
  return config
}

function run(config: Config): { status: number | null; stdout: string; stderr: string } {
  return oci.run(['run', '-b', oci.bundle(config), id])
}

describe.skipIf(noContainers)('a user namespace made by root', () => {
  it('maps ids, and what root makes inside belongs to another user outside', () => {
    spawnSync('chown', ['-R', `${outside}:${outside}`, own.root])
    const config = mapped(
      ociConfig([
        'sh',
        '-c',
        'id -u; tr -s " " < /proc/self/uid_map; touch /tmp/x; echo ok > /dev/null && echo null works',
      ]),
    )
    expect(run(config)).toEqual({ status: 0, stdout: `0\n 0 ${outside} 65536\nnull works\n`, stderr: '' })
    expect(statSync(join(own.root, 'tmp/x')).uid).toBe(outside)
  })

  it('reaches a bind source that its own root could not', () => {
    const secret = join(own.path, 'closed/inner')
    mkdirSync(secret, { recursive: true })
    writeFileSync(join(secret, 'file'), 'seen\n')
    chmodSync(join(own.path, 'closed'), 0o700)
    const config = mapped(ociConfig(['cat', '/mnt/file']))
    config.mounts.push({ destination: '/mnt', type: 'bind', source: secret, options: ['bind'] })
    expect(run(config)).toMatchObject({ status: 0, stdout: 'seen\n' })
  })

  it('is joined by exec', async () => {
    const config = mapped(ociConfig(['sleep', '1000']))
    expect(await oci.detached(['run', '-d', '-b', oci.bundle(config), id])).toMatchObject({ status: 0 })
    expect(
      oci.run([
        'exec',
        id,
        'sh',
        '-c',
        'id -u; (readlink /proc/self/ns/user; readlink /proc/1/ns/user) | uniq | wc -l',
      ]),
    ).toMatchObject({ status: 0, stdout: '0\n1\n' })
  })

  it('is joined by another container by path', async () => {
    expect(await oci.detached(['run', '-d', '-b', oci.bundle(mapped(ociConfig(['sleep', '1000']))), id])).toMatchObject(
      { status: 0 },
    )
    const pid = String(oci.state(id)['pid'])
    const config = ociConfig(['sh', '-c', 'id -u; tr -s " " < /proc/self/uid_map'])
    config.linux['namespaces'] = ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type }))
    ;(config.linux['namespaces'] as object[]).push({ type: 'user', path: `/proc/${pid}/ns/user` })
    expect(oci.run(['run', '-b', oci.bundle(config, 'other'), `${id}-2`])).toEqual({
      status: 0,
      stdout: `0\n 0 ${outside} 65536\n`,
      stderr: '',
    })
  })
})

describe.skipIf(noContainers)('mounts with other ids', () => {
  const source = (): string => {
    const path = join(own.path, 'data')
    mkdirSync(path)
    writeFileSync(join(path, 'file'), '')
    chownSync(join(path, 'file'), 1000, 1000)
    return path
  }

  it('show the owners that the mapping of the mount gives', () => {
    const config = ociConfig(['stat', '-c', '%u:%g', '/mnt/file'])
    const map = [{ containerID: 1000, hostID: 5000, size: 1 }]
    config.mounts.push({
      destination: '/mnt',
      type: 'bind',
      source: source(),
      options: ['bind'],
      uidMappings: map,
      gidMappings: map,
    } as never)
    expect(run(config)).toMatchObject({ status: 0, stdout: '5000:5000\n' })
  })

  it('take the mapping of the container where they have none', () => {
    const config = mapped(ociConfig(['stat', '-c', '%u:%g', '/mnt/file']))
    config.mounts.push({ destination: '/mnt', type: 'bind', source: source(), options: ['bind', 'idmap'] })
    expect(run(config)).toMatchObject({ status: 0, stdout: '1000:1000\n' })
  })

  it('are for binds only', () => {
    const config = ociConfig(['true'])
    config.mounts.push({ destination: '/mnt', type: 'tmpfs', source: 'tmpfs', options: ['idmap'] })
    expect(run(config)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('only bind mounts can be mapped to other ids') as string,
    })
  })
})

describe.skipIf(noContainers)('an unprivileged user', () => {
  const user = 54_321
  /** One id only, as without ranges in /etc/subuid. */
  const asUser = (args: readonly string[]): { status: number | null; stdout: string; stderr: string } => {
    const state = join(own.path, 'user-state')
    if (!existsSync(state)) mkdirSync(state)
    chownSync(state, user, user)
    const { status, stdout, stderr } = spawnSync(coreBinary, ['--root', state, ...args], {
      uid: user,
      gid: user,
      encoding: 'utf8',
      env: { XDG_RUNTIME_DIR: state },
    })
    return { status, stdout, stderr }
  }

  it('runs the config that `spec --rootless` writes', () => {
    spawnSync('chown', ['-R', `${user}:${user}`, own.root])
    const bundle = join(own.path, 'rootless')
    mkdirSync(bundle)
    chownSync(bundle, user, user)
    expect(asUser(['spec', '--rootless', '--bundle', bundle])).toMatchObject({ status: 0, stderr: '' })
    const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as Config
    config.root = { path: own.root }
    config.process['args'] = ['sh', '-c', 'id -u; touch /tmp/x; echo > /dev/null; cat /proc/self/setgroups']
    config.process['terminal'] = false
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config))
    expect(asUser(['run', '-b', bundle, id])).toEqual({ status: 0, stdout: '0\ndeny\n', stderr: '' })
    expect(statSync(join(own.root, 'tmp/x')).uid).toBe(user)
  })
})

describe.skipIf(noContainers)('a plan with "idmap"', () => {
  it('runs a sandbox in the namespace, with whiteouts and all', async () => {
    spawnSync('chown', ['-R', `${outside}:${outside}`, own.root])
    for (const name of ['upper', 'work']) {
      mkdirSync(join(own.path, name))
      chownSync(join(own.path, name), outside, outside)
    }
    const answer = await runPlan({
      verb: 'sandbox',
      id,
      idmap: { uid: [[0, outside, 65_536]], gid: [[0, outside, 65_536]] },
      rootfs: {
        kind: 'layers',
        lower: [own.root],
        upper: join(own.path, 'upper'),
        work: join(own.path, 'work'),
        volatile: true,
      },
      config: ociConfig(['sh', '-c', 'id -u; rm /etc/group; touch /new; echo > /dev/null']),
      user: { name: 'root', groups: [] },
      network: { mode: 'none' },
      commit: { clampMtime: null },
    })
    expect(answer.error).toBeUndefined()
    expect(answer.stdout.toString()).toBe('0\n')
    expect(answer.result).toMatchObject({ exitCode: 0, layer: { bytes: 0 } })
    expect(statSync(join(own.path, 'upper/new')).uid).toBe(outside)
  })
})

describe.skipIf(noContainers)('a core that is killed', () => {
  it('while its container is being made leaves no process behind', async () => {
    const pidFile = join(own.path, 'pid')
    const config = ociConfig(['sleep', '1000'])
    config.hooks = {
      createRuntime: [
        {
          path: '/bin/sh',
          args: ['sh', '-c', `sed 's/.*"pid":\\([0-9]*\\).*/\\1/' > ${pidFile}; kill -9 $PPID`],
          env: ['PATH=/bin:/usr/bin'],
        },
      ],
    }
    const answer = await runPlan({
      verb: 'sandbox',
      id,
      rootfs: { kind: 'dir', path: own.root },
      config,
      network: { mode: 'none' },
    })
    expect(answer.exit).toBe('SIGKILL')
    const pid = readFileSync(pidFile, 'utf8').trim()
    expect(Number(pid)).toBeGreaterThan(1)
    await until(() => !existsSync(`/proc/${pid}`), 'the end of the container')
    spawnSync('find', [
      '/sys/fs/cgroup',
      '-depth',
      '-type',
      'd',
      '-path',
      `*tsbuild/${id}`,
      '-exec',
      'rmdir',
      '{}',
      ';',
    ])
  })
})
