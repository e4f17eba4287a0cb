import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OciRuntime, noContainers, ociConfig, scratch, type Config, type Scratch } from '../helpers/runtime-bundle.ts'

/* Clauses of the runtime specification that no public suite tries. */

let own: Scratch
let oci: OciRuntime
let id: string
beforeEach(() => {
  own = scratch()
  oci = new OciRuntime(own)
  id = `clause-${own.path.slice(-6)}`
})
afterEach(() => {
  oci.dispose()
  own.dispose()
})

type Change = (config: Config) => unknown

function run(args: readonly string[], change: Change): ReturnType<OciRuntime['run']> {
  const config = ociConfig(args)
  change(config)
  return oci.run(['run', '--bundle', oci.bundle(config), id])
}

const refused: [string, Change, string][] = [
  ['ociVersion of two parts', (c) => (c.ociVersion = '1.2'), "ociVersion '1.2' is not a version of SemVer 2.0.0"],
  ['ociVersion with a leading zero', (c) => (c.ociVersion = '1.02.0'), "ociVersion '1.02.0' is not a version"],
  ['annotation without a name', (c) => (c.annotations = { '': 'x' }), 'an annotation has no name'],
  [
    'device without numbers',
    (c) => (c.linux['devices'] = [{ path: '/dev/x', type: 'c' }]),
    "'/dev/x' needs major and minor",
  ],
  [
    'masked path that is relative',
    (c) => (c.linux['maskedPaths'] = ['/proc/keys', 'proc/kcore']),
    "maskedPaths[1]: 'proc/kcore' is not an absolute path",
  ],
  ['read-only path that is relative', (c) => (c.linux['readonlyPaths'] = ['x']), "readonlyPaths[0]: 'x' is not"],
  [
    'metadata for a supervisor that is none',
    (c) => (c.linux['seccomp'] = { defaultAction: 'SCMP_ACT_ALLOW', listenerMetadata: 'x' }),
    'listenerMetadata needs listenerPath',
  ],
  [
    'weight of a device that names none',
    (c) => (c.linux['resources'] = { blockIO: { weightDevice: [{ major: 8, minor: 0 }] } }),
    'device 8:0 has neither weight nor leafWeight',
  ],
  ['intelRdt', (c) => (c.linux['intelRdt'] = { closID: 'x' }), 'intelRdt is not supported'],
  [
    'list of CPUs that is none',
    (c) => (c.process['execCPUAffinity'] = { initial: 'x' }),
    'execCPUAffinity is not a list of CPUs',
  ],
]

describe.skipIf(noContainers)('a config', () => {
  it.for(refused)('is refused for its %s', ([, change, text]) => {
    expect(run(['true'], change)).toMatchObject({ status: 1, stderr: expect.stringContaining(text) as string })
  })

  it.for(['1.0.0-rc1', '1.2.0+build.5', '1.1.0-rc.1+x'])('of version %s is taken', (version) => {
    expect(run(['true'], (c) => (c.ociVersion = version))).toMatchObject({ status: 0, stderr: '' })
  })

  it.for(['iversion', 'acl'])('may give every file system the option %s', (option) => {
    const change: Change = (c) =>
      c.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: [option] })
    expect(run(['true'], change)).toMatchObject({ status: 0, stderr: '' })
  })

  it("may name a place in the container by the root's path on the host", () => {
    const change: Change = (c) =>
      c.mounts.push({ destination: `${own.root}/tmp/below`, type: 'tmpfs', source: 'tmpfs', options: ['nosuid'] })
    expect(run(['grep', '-c', ' /tmp/below tmpfs ', '/proc/mounts'], change)).toMatchObject({
      status: 0,
      stdout: '1\n',
    })
  })
})
