import { existsSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cgroups } from '../helpers/cgroups.ts'
import { fakeSystemd, type FakeSystemd } from '../helpers/fake-systemd.ts'
import { OciRuntime, noContainers, ociConfig, scratch, type Config, type Scratch } from '../helpers/runtime-bundle.ts'

/** Where v2 is mounted: alone, or beside v1. */
const hierarchy = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((path) =>
  existsSync(join(path, 'cgroup.controllers')),
)
const cannot = noContainers !== false || hierarchy === undefined
if (hierarchy === undefined) console.warn('skipped: there is no cgroup v2')
/** The core would find it without a bus. */
const realSystemd = existsSync('/run/systemd/private')
if (realSystemd) console.warn('skipped: a systemd runs here, so that it cannot be missing')

let own: Scratch
let oci: OciRuntime
let systemd: FakeSystemd
let id: string
let slice: string
beforeEach(async () => {
  own = scratch()
  oci = new OciRuntime(own)
  id = `sd-${own.path.slice(-6)}`
  slice = `tsbuildtest${own.path.slice(-6)}.slice`
  systemd = await fakeSystemd(join(own.path, 'bus'), hierarchy ?? '/')
  process.env['DBUS_SYSTEM_BUS_ADDRESS'] = systemd.address
})
afterEach(async () => {
  delete process.env['DBUS_SYSTEM_BUS_ADDRESS']
  oci.dispose()
  await systemd.close()
  // Those of version 1 are made by the core; systemd itself would take them away.
  for (const path of cgroups(2).filter((one) => one.endsWith(`/${slice}`))) rmdirSync(path)
  own.dispose()
})

function config(more: Record<string, unknown> = {}): Config {
  const made = ociConfig(['sleep', '1000'])
  return { ...made, ...more, linux: { ...made.linux, cgroupsPath: `${slice}:pre:${id}`, ...(more['linux'] as object) } }
}

function start(made: Config): ReturnType<OciRuntime['detached']> {
  return oci.detached(['--systemd-cgroup', 'run', '--detach', '--bundle', oci.bundle(made), id])
}

function scope(): string {
  return join(hierarchy!, slice, `pre-${id}.scope`)
}

describe.skipIf(cannot)('the cgroup driver systemd', () => {
  it('has a scope made, puts the container alone into it, and gives it back', async () => {
    expect(
      await start(config({ annotations: { 'org.systemd.property.TimeoutStopUSec': 'uint64 7000000' } })),
    ).toMatchObject({ status: 0, stderr: '' })
    const { member, unit, properties } = systemd.calls[0]!
    expect({ member, unit }).toEqual({ member: 'StartTransientUnit', unit: `pre-${id}.scope` })
    expect(Object.fromEntries(properties)).toMatchObject({
      Slice: slice,
      Delegate: true,
      DefaultDependencies: false,
      CollectMode: 'inactive-or-failed',
      TimeoutStopUSec: 7_000_000n,
    })
    const pid = Number(oci.state(id)['pid'])
    expect(readFileSync(join(scope(), 'cgroup.procs'), 'utf8')).toBe(`${pid}\n`)
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(`/${slice}/pre-${id}.scope\n`)

    expect(await oci.detached(['delete', '--force', id])).toMatchObject({ status: 0, stderr: '' })
    expect(systemd.calls.at(-1)).toMatchObject({ member: 'StopUnit', unit: `pre-${id}.scope` })
    expect(existsSync(scope())).toBe(false)
  })

  it('tells limits in the words of units, and new ones', async () => {
    const resources = {
      cpu: { shares: 512, quota: 25_000, period: 100_000 },
      devices: [{ allow: false, access: 'rwm' }],
      pids: { limit: 40 },
      memory: { limit: 64 << 20, swap: 96 << 20 },
    }
    expect(await start(config({ linux: { resources } }))).toMatchObject({ status: 0 })
    /* Shares and a limit by the names of v1 where its controllers are at work. */
    const alone = hierarchy === '/sys/fs/cgroup'
    expect(Object.fromEntries(systemd.calls[0]!.properties)).toMatchObject({
      CPUQuotaPerSecUSec: 250_000n,
      CPUQuotaPeriodUSec: 100_000n,
      TasksMax: 40n,
      ...(alone ? { MemoryMax: 64n << 20n, MemorySwapMax: 32n << 20n } : { MemoryLimit: 64n << 20n, CPUShares: 512n }),
    })
    expect(await oci.detached(['update', '--pids-limit', '50', id])).toMatchObject({ status: 0, stderr: '' })
    expect(systemd.calls.at(-1)).toMatchObject({ member: 'SetUnitProperties', unit: `pre-${id}.scope` })
    expect(systemd.calls.at(-1)!.properties.get('TasksMax')).toBe(50n)
    expect(await oci.detached(['delete', '--force', id])).toMatchObject({ status: 0 })
  })

  it('a unit of the same name that failed is forgotten, and the scope made', async () => {
    systemd.refuse = { error: 'org.freedesktop.systemd1.UnitExists' }
    expect(await start(config())).toMatchObject({ status: 0, stderr: '' })
    expect(systemd.calls.map((call) => call.member)).toEqual(['StartTransientUnit', 'StartTransientUnit'])
    expect(await oci.detached(['delete', '--force', id])).toMatchObject({ status: 0 })
  })

  it.for([
    [{ result: 'failed' }, `systemd cannot make or stop the unit 'pre-`],
    [{ error: 'org.freedesktop.DBus.Error.AccessDenied' }, 'systemd refuses StartTransientUnit: no'],
  ] as const)('a start that systemd refuses (%o) leaves nothing', async ([refuse, words]) => {
    systemd.refuse = refuse
    expect(await start(config())).toMatchObject({ status: 1, stderr: expect.stringContaining(words) as string })
    expect(existsSync(join(oci.stateRoot, id))).toBe(false)
    expect(existsSync(scope())).toBe(false)
  })

  it.for(['/a/b', 'a.slice:x', 'a.slice:x:', 'a.slice:x:y:z'])('the path %o is refused', async (cgroupsPath) => {
    expect(await start(config({ linux: { cgroupsPath } }))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('expected cgroupsPath to be of format') as string,
    })
    expect(systemd.calls).toEqual([])
  })

  it('annotations that are no values are refused', async () => {
    for (const value of ['uint64 x', "'open", "['a' 3]", 'what'])
      expect(await start(config({ annotations: { 'org.systemd.property.X': value } }))).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('is not a value that is known here') as string,
      })
    expect(systemd.calls).toEqual([])
  })

  it.skipIf(realSystemd)('without a systemd it says so', async () => {
    process.env['DBUS_SYSTEM_BUS_ADDRESS'] = `unix:path=${own.path}/nobody`
    expect(await start(config())).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no system bus is there') as string,
    })
  })
})
