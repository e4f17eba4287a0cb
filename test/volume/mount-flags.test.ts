import { describe, expect, it } from 'vitest'
import { parseMountFlag } from '../../src/volume/mount-flag.ts'
import { parseTmpfsFlag } from '../../src/volume/tmpfs-flag.ts'
import { parseVolumeFlag } from '../../src/volume/volume-flag.ts'

const volume = { kind: 'volume', name: null, readonly: false, nocopy: false }
const bind = { kind: 'bind', readonly: false, create: true }

describe('-v', () => {
  it.for([
    ['/data', { ...volume, target: '/data' }],
    ['name:/data', { ...volume, name: 'name', target: '/data' }],
    ['name:/data:ro,nocopy', { ...volume, name: 'name', target: '/data', readonly: true, nocopy: true }],
    ['/src:/data', { ...bind, source: '/src', target: '/data' }],
    ['./src:/data/', { ...bind, source: '/here/src', target: '/data' }],
    ['../up:/a/../b', { ...bind, source: '/up', target: '/b' }],
    ['/src:/data:ro,rslave', { ...bind, source: '/src', target: '/data', readonly: true, propagation: 'rslave' }],
    ['/src:/data:z', { ...bind, source: '/src', target: '/data' }],
  ] as const)('%s', ([text, want]) => {
    expect(parseVolumeFlag(text, '/here')).toEqual(want)
  })

  it.for([
    ['', 'expected'],
    ['a:b:c:d', 'expected'],
    ['name:data', 'not absolute'],
    ['name:/', 'root of the container'],
    [':/data', 'source is empty'],
    ['na/me:/data', 'invalid characters'],
    ['name:/data:fast', 'unknown option "fast"'],
    ['name:/data:ro,rw', 'exclude each other'],
    ['name:/data:rshared', 'paths of the host'],
    ['/src:/data:rslave,shared', 'more than one mount propagation'],
    ['/src:/data:nocopy', 'nocopy is for volumes'],
  ] as const)('refuses "%s": %s', ([text, why]) => {
    expect(() => parseVolumeFlag(text, '/here')).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(why) }),
    )
  })
})

describe('--mount', () => {
  it.for([
    ['dst=/data', { ...volume, target: '/data' }],
    ['type=volume,src=v,target=/data,readonly', { ...volume, name: 'v', target: '/data', readonly: true }],
    [
      'type=volume,source=v,dst=/d,volume-nocopy,volume-subpath=a/b,volume-label=x=y',
      { ...volume, name: 'v', target: '/d', nocopy: true, subpath: 'a/b', labels: { x: 'y' } },
    ],
    [
      'type=volume,src=v,dst=/d,"volume-opt=o=addr=1.2.3.4,rw",volume-opt=type=nfs',
      { ...volume, name: 'v', target: '/d', options: { o: 'addr=1.2.3.4,rw', type: 'nfs' } },
    ],
    ['type=bind,src=/s,dst=/d', { ...bind, create: false, source: '/s', target: '/d' }],
    [
      'type=bind,src=s,dst=/d,ro=true,bind-propagation=rshared',
      { ...bind, create: false, source: '/here/s', target: '/d', readonly: true, propagation: 'rshared' },
    ],
    [
      'type=bind,src=/s,dst=/d,bind-recursive=disabled',
      { ...bind, create: false, source: '/s', target: '/d', recursive: 'disabled' },
    ],
    [
      'type=tmpfs,dst=/t,tmpfs-size=2M,tmpfs-mode=1777',
      { kind: 'tmpfs', target: '/t', options: ['size=2m', 'mode=1777'] },
    ],
    [
      'type=image,src=busybox,dst=/i,image-subpath=etc',
      { kind: 'image', source: 'busybox', target: '/i', subpath: 'etc' },
    ],
  ] as const)('%s', ([text, want]) => {
    expect(parseMountFlag(text, '/here')).toEqual(want)
  })

  it.for([
    ['type=bind,src=/s', 'target is required'],
    ['type=bind,dst=/d', 'source is required'],
    ['type=floppy,dst=/d', 'mount type "floppy" is unknown'],
    ['type=bind,src=/s,dst=/d,color=red', "unexpected key 'color'"],
    ['type=tmpfs,dst=/d,source=x', "'source' does not go with type tmpfs"],
    ['type=bind,src=/s,dst=/d,readonly=maybe', 'invalid value for readonly'],
    ['type=bind,src=/s,dst=/d,bind-recursive=readonly', "requires 'readonly'"],
    ['type=bind,src=/s,dst=/d,bind-recursive=writable', "requires 'readonly'"],
    ['type=volume,src=v,dst=/d,volume-subpath=/a', 'subpath must be a relative path within the volume'],
    ['type=volume,src=v,dst=/d,volume-subpath=a/../../b', 'subpath must be a relative path within the volume'],
    ['type=tmpfs,dst=/t,tmpfs-mode=9', 'tmpfs-mode'],
    ['type=volume,src=../x,dst=/d', 'is no volume name'],
    ['type=volume,dst=/d,volume-driver=cloud', 'driver "cloud"'],
    ['type=bind,src=/s,"dst=/d', 'quote is not closed'],
  ] as const)('refuses "%s": %s', ([text, why]) => {
    expect(() => parseMountFlag(text, '/here')).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(why) }),
    )
  })
})

describe('--tmpfs', () => {
  it('takes options of mount(8)', () => {
    expect(parseTmpfsFlag('/t:size=1m,exec')).toEqual({ kind: 'tmpfs', target: '/t', options: ['size=1m', 'exec'] })
    expect(parseTmpfsFlag('/t')).toEqual({ kind: 'tmpfs', target: '/t', options: [] })
    expect(() => parseTmpfsFlag('t')).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})
