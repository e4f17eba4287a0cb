import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NativeError } from '../../src/host/native-error.ts'
import { rungFinding } from '../../src/engine/doctor-rung.ts'
import type { Settings } from '../../src/settings/settings.ts'
import { openCli, type Cli } from '../helpers/tsbuild.ts'
import { hasSubIdTools, noUsers, openUnprivilegedCli, type Unprivileged } from '../helpers/unprivileged.ts'

interface Finding {
  readonly Name: string
  readonly State: string
  readonly Detail: string
  readonly Advice: string
}

async function findings(cli: Cli): Promise<ReadonlyMap<string, Finding>> {
  const { stdout } = await cli.run(['doctor', '--format', 'json'])
  const lines = stdout.split('\n').filter((line) => line !== '')
  return new Map(lines.map((line) => JSON.parse(line) as Finding).map((finding) => [finding.Name, finding]))
}

/** What is taken away, and the line that says so with what mends it. */
const thefts: readonly (readonly [string, Partial<Unprivileged>, string, string, string])[] = [
  ['/dev/net/tun', { prepare: 'rm /dev/net/tun' }, 'tun', 'limited', 'modprobe tun'],
  ['the right to open it', { prepare: 'chmod 600 /dev/net/tun' }, 'tun', 'limited', 'chmod 666 /dev/net/tun'],
  ['pasta and slirp4netns', { path: '/nonexistent' }, 'user network', 'limited', 'apt-get install passt'],
  ['an open /proc', { prepare: 'mount -t tmpfs -o ro tmpfs /proc/sys' }, 'procfs', 'broken', 'systempaths=unconfined'],
  ['sub-ids', {}, 'subordinate ids', 'limited', 'usermod --add-subuids'],
]

describe.skipIf(noUsers !== false)('the line of an unprivileged user', () => {
  it.for(thefts)('without %s tells what mends it', async ([, user, name, state, advice]) => {
    await using cli = openUnprivilegedCli({ hasSubIds: false, ...user })
    const found = (await findings(cli)).get(name)
    expect(found).toMatchObject({ State: state, Advice: expect.stringContaining(advice) as string })
  })

  it('of the privilege is good', async () => {
    await using cli = openUnprivilegedCli({ hasSubIds: false })
    expect((await findings(cli)).get('privilege')).toMatchObject({ State: 'good' })
  })

  it.skipIf(!hasSubIdTools)('tells of newuidmap that is not there', async () => {
    await using cli = openUnprivilegedCli({ hasSubIds: true, path: '/nonexistent' })
    expect((await findings(cli)).get('privilege')).toMatchObject({
      State: 'broken',
      Advice: expect.stringContaining('apt-get install uidmap') as string,
    })
    expect((await cli.run(['doctor'])).status).toBe(1)
  })
})

it('text and JSON say the same', async () => {
  await using cli = openCli()
  const { stdout } = await cli.run(['doctor'])
  for (const { Name, Advice } of (await findings(cli)).values()) {
    expect(stdout).toContain(`${Name}: `)
    expect(stdout).toContain(Advice)
  }
})

describe('the ladder', () => {
  let proc: string
  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'tsbuild-proc-'))
    mkdirSync(join(proc, 'self/root'), { recursive: true })
    writeFileSync(join(proc, 'self/status'), 'CapEff:\t000001ffffffffff\n')
  })
  afterEach(() => rmSync(proc, { recursive: true, force: true }))

  const rung = (place: { rootless?: boolean; userNamespace?: boolean; refused?: unknown } = {}) =>
    rungFinding({
      settings: { rootless: place.rootless === true } as Settings,
      facts: { userNamespace: place.userNamespace === true, features: {} as never },
      refused: place.refused,
      proc,
    })
  const refused = new NativeError('probe', { code: 'FEATURE_MISSING', message: 'cannot make a user namespace' })

  it('names each rung', () => {
    expect(rung()).toMatchObject({ state: 'good', detail: 'root' })
    expect(rung({ userNamespace: true }).detail).toContain('hostUsers: false')
    expect(rung({ rootless: true }).detail).toContain('an unprivileged user')
    writeFileSync(join(proc, 'self/root/.dockerenv'), '')
    expect(rung().detail).toBe('root of a privileged container')
    writeFileSync(join(proc, 'self/status'), 'CapEff:\t00000000a80425fb\n')
    expect(rung()).toMatchObject({ state: 'limited', advice: expect.stringContaining('--privileged') as string })
  })

  it.for([
    ['user/max_user_namespaces', '0', 'sysctl -w user.max_user_namespaces='],
    ['kernel/unprivileged_userns_clone', '0', 'sysctl -w kernel.unprivileged_userns_clone=1'],
    ['kernel/apparmor_restrict_unprivileged_userns', '1', 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0'],
    ['kernel/other', '0', 'seccomp=unconfined'],
  ] as const)('names the switch %s', ([file, value, advice]) => {
    mkdirSync(join(proc, 'sys', file, '..'), { recursive: true })
    writeFileSync(join(proc, 'sys', file), `${value}\n`)
    expect(rung({ rootless: true, refused })).toMatchObject({
      state: 'broken',
      advice: expect.stringContaining(advice) as string,
    })
  })
})
