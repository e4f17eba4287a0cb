import {
  classifySource,
  evaluateMount,
  formatPlatformName,
  nearest,
  parseChmod,
  parseDockerfile,
  parseGitSource,
  parseImageName,
  parsePlatformName,
  parsePort,
  parseSignal,
} from '@dockerfile/parser'
import type { MountFlag } from '@dockerfile/parser'
import { describe, expect, it } from 'vitest'
import { at } from './helpers/show.ts'

describe('parsePort', () => {
  it.for([
    ['80', ['80/tcp']],
    ['0', ['0/tcp']],
    ['65535/UDP', ['65535/udp']],
    ['80/', ['80/tcp']],
    ['53/sctp', ['53/sctp']],
    ['8000-8002', ['8000/tcp', '8001/tcp', '8002/tcp']],
    ['80-80', ['80/tcp']],
    ['8080:80', ['80/tcp']],
    ['127.0.0.1:8080:80', ['80/tcp']],
    ['127.0.0.1::80', ['80/tcp']],
    ['[::1]:80:80', ['80/tcp']],
    ['1000-1002:80', ['80/tcp']],
    ['1-3:5-7/udp', ['5/udp', '6/udp', '7/udp']],
  ] as const)('%s', ([text, ports]) => expect(parsePort(text)).toEqual({ ok: true, value: ports }))

  it.for([
    '',
    'x',
    '/tcp',
    '65536',
    '-1',
    '80-',
    '-80',
    '90-80',
    '80/http',
    '1-2:5-7',
    '300.0.0.1:80:80',
    'x:80:80',
    'x:80',
    '#',
  ])('refuses "%s"', (text) => expect(parsePort(text)).toMatchObject({ ok: false, problem: { code: 'PORT_INVALID' } }))
})

describe('parseSignal', () => {
  it.for([
    ['SIGTERM', 15],
    ['term', 15],
    ['9', 9],
    ['SIGRTMIN', 34],
    ['RTMIN+15', 49],
    ['RTMAX-14', 50],
    ['RTMAX', 64],
    ['SIGIO', 29],
  ] as const)('%s is %i', ([text, number]) => expect(parseSignal(text)).toEqual({ ok: true, value: number }))

  it.for(['0', 'SIGNOPE', '', 'RTMIN-1', 'RTMIN+16', 'RTMAX-15', 'SIGSIGTERM', 'constructor'])('refuses "%s"', (text) =>
    expect(parseSignal(text)).toMatchObject({ ok: false, problem: { code: 'SIGNAL_INVALID' } }),
  )
})

describe('parseChmod', () => {
  it.for([
    ['755', { kind: 'octal', mode: 0o755 }],
    ['0', { kind: 'octal', mode: 0 }],
    ['7777', { kind: 'octal', mode: 0o7777 }],
    ['u=rwX,go=rX', { kind: 'symbolic', text: 'u=rwX,go=rX' }],
    ['+x', { kind: 'symbolic', text: '+x' }],
    ['a=r,u+w-x', { kind: 'symbolic', text: 'a=r,u+w-x' }],
    ['g=u', { kind: 'symbolic', text: 'g=u' }],
    ['o=', { kind: 'symbolic', text: 'o=' }],
  ] as const)('%s', ([text, value]) => expect(parseChmod(text)).toEqual({ ok: true, value }))

  it.for(['', '8', '10000', '755x', 'rwx', 'u', 'u=rw,', ',u=r', 'u=rw;g=r', '+755'])('refuses "%s"', (text) =>
    expect(parseChmod(text)).toMatchObject({ ok: false, problem: { code: 'CHMOD_INVALID' } }),
  )
})

describe('parseImageName', () => {
  it.for([
    ['alpine', 'docker.io', 'library/alpine', undefined],
    ['alpine:3.20', 'docker.io', 'library/alpine', '3.20'],
    ['owner/name:tag', 'docker.io', 'owner/name', 'tag'],
    ['index.docker.io/x', 'docker.io', 'library/x', undefined],
    ['localhost/x', 'localhost', 'x', undefined],
    ['host:5000/x/y:1', 'host:5000', 'x/y', '1'],
    ['[::1]:5000/x', '[::1]:5000', 'x', undefined],
    ['Registry/x', 'Registry', 'x', undefined],
  ] as const)('%s', ([name, registry, repository, tag]) => {
    expect(parseImageName(name)).toEqual({ registry, repository, ...(tag !== undefined && { tag }) })
  })

  it('reads a digest', () => {
    const digest = `sha256:${'0'.repeat(64)}`
    expect(parseImageName(`a:b@${digest}`)).toMatchObject({ repository: 'library/a', tag: 'b', digest })
  })

  it.for([
    '',
    'Alpine',
    'a b',
    'a::b',
    'a:',
    '-a',
    'a--',
    'a..b',
    'a@sha256:00',
    `a:${'x'.repeat(129)}`,
    '0'.repeat(64),
    'a/'.repeat(200) + 'a',
    'host:port/x',
  ])('refuses "%s"', (name) => expect(parseImageName(name)).toMatchObject({ code: 'BASE_INVALID' }))
})

describe('parsePlatformName', () => {
  it.for([
    ['linux/amd64', 'linux/amd64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/armhf', 'linux/arm/v7'],
    ['Linux/X86_64', 'linux/amd64'],
    ['linux/amd64/v2', 'linux/amd64/v2'],
    ['arm64', 'linux/arm64'],
    ['windows', 'windows/amd64'],
    ['macos/arm64', 'darwin/arm64'],
    ['windows(10.0.1)/amd64', 'windows/amd64'],
  ] as const)('%s is %s', ([text, expected]) => {
    const parsed = parsePlatformName(text)
    expect(parsed.ok && formatPlatformName(parsed.value)).toBe(expected)
  })

  it.for(['', 'amd46', 'linux/', '/amd64', 'a/b/c/d', 'linux/am d64', 'linux/*'])('refuses "%s"', (text) =>
    expect(parsePlatformName(text)).toMatchObject({ ok: false, problem: { code: 'PLATFORM_INVALID' } }),
  )
})

describe('classifySource', () => {
  it.for([
    ['src/a', { kind: 'local' }],
    ['https', { kind: 'local' }],
    ['ftp://a/b', { kind: 'local' }],
    ['github.com/a/b', { kind: 'local' }],
    ['https://a.example/b/c.tar.gz?x=1#y', { kind: 'http', filename: 'c.tar.gz' }],
    ['https://a.example', { kind: 'http', filename: '__unnamed__' }],
    ['http://a.example/b%20c', { kind: 'http', filename: 'b c' }],
    ['https://a.example/b.git', { kind: 'git', git: { remote: 'https://a.example/b.git', ref: '', subdir: '' } }],
    [
      'git@a.example:b/c.git#main:sub/../dir',
      { kind: 'git', git: { remote: 'git@a.example:b/c.git', ref: 'main', subdir: 'dir' } },
    ],
    ['ssh://git@a.example/b', { kind: 'git', git: { remote: 'ssh://git@a.example/b', ref: '', subdir: '' } }],
  ] as const)('%s', ([source, value]) => expect(classifySource(source)).toEqual({ ok: true, value }))
})

describe('parseGitSource', () => {
  it('reads the query form', () => {
    const source = 'https://a.example/b.git?tag=v1&subdir=x&checksum=abc&keep-git-dir=true&submodules=0&mtime=commit'
    expect(parseGitSource(source)).toEqual({
      ok: true,
      value: {
        remote: 'https://a.example/b.git',
        ref: 'refs/tags/v1',
        subdir: 'x',
        checksum: 'abc',
        keepGitDir: true,
        submodules: false,
        mtime: 'commit',
      },
    })
  })

  it.for([
    '?nope=1',
    '?ref=',
    '?ref=a&ref=b',
    '?tag=a&branch=b',
    '?keep-git-dir=maybe',
    '?ref=a#b',
    '?mtime=now',
    '?subdir=a#:b',
  ])('refuses the query %s', (query) =>
    expect(parseGitSource(`https://a.example/b.git${query}`)).toMatchObject({
      ok: false,
      problem: { code: 'SOURCE_INVALID' },
    }),
  )

  it('gives nothing for what is no git address', () => expect(parseGitSource('https://a.example/b')).toBeUndefined())
})

describe('evaluateMount', () => {
  const environment = new Map([
    ['T', '/target'],
    ['KIND', 'cache'],
  ])

  it.for([
    ['target=/x', { type: 'bind', readonly: true, required: false, target: '/x' }],
    [
      'type=bind,rw,from=a,src=/s,dst=$T',
      { type: 'bind', readonly: false, required: false, from: 'a', source: '/s', target: '/target' },
    ],
    [
      'type=$KIND,target=/c,id=i,sharing=LOCKED,mode=0755,uid=1,gid=2',
      {
        type: 'cache',
        readonly: false,
        required: false,
        target: '/c',
        id: 'i',
        sharing: 'locked',
        mode: 0o755,
        uid: 1,
        gid: 2,
      },
    ],
    ['type=cache,target=/c,readonly', { type: 'cache', readonly: true, required: false, target: '/c' }],
    [
      'type=tmpfs,target=/t,size=1.5m',
      { type: 'tmpfs', readonly: false, required: false, target: '/t', size: 1572864 },
    ],
    ['type=secret,id=s,env=', { type: 'secret', readonly: true, required: false, id: 's', env: 's' }],
    [
      'type=secret,id=s,required=true,mode=400',
      { type: 'secret', readonly: true, required: true, id: 's', mode: 0o400 },
    ],
    ['type=ssh,required', { type: 'ssh', readonly: true, required: true }],
    ['type=bind,target=/x,rw=false', { type: 'bind', readonly: true, required: false, target: '/x' }],
  ] as const)('%s', ([text, expected]) =>
    expect(evaluateMount(mountOf(text), environment)).toEqual({ ok: true, value: expected }),
  )

  it.for([
    ['type=x', '2:13-2:19'],
    ['target', '2:13-2:19'],
    ['colour=red', '2:13-2:23'],
    ['target=/a,required', '2:23-2:31'],
    ['type=bind,size=1', '2:23-2:29'],
    ['type=tmpfs,size=big', '2:24-2:32'],
    ['type=cache,mode=8', '2:24-2:30'],
    ['type=cache,uid=4294967296', '2:24-2:38'],
    ['type=cache,ro=maybe', '2:24-2:32'],
    ['type=cache,target=${T:x}', '2:24-2:37'],
    ['type=bind,uid=1', '2:13-2:28'],
    ['type=secret', '2:13-2:24'],
    ['type=secret,id=a,src=b', '2:13-2:35'],
    ['type=secret,id=a,from=b', '2:13-2:36'],
    ['type=ssh,source=a', '2:13-2:30'],
    ['type=bind,sharing=locked', '2:13-2:37'],
  ] as const)('refuses %s', ([text, place]) => {
    const result = evaluateMount(mountOf(text), environment)
    expect(result).toMatchObject({ ok: false })
    expect(!result.ok && at(result.range)).toBe(place)
  })
})

describe('nearest', () => {
  it.for([
    ['CPOY', 'COPY'],
    ['chwon', 'chown'],
    ['xyz', undefined],
    ['COPY', undefined],
    ['a', undefined],
  ] as const)('%s', ([value, expected]) => expect(nearest(value, ['COPY', 'chown', 'RUN', 'b'])).toBe(expected))
})

function mountOf(text: string): MountFlag {
  const [, run] = parseDockerfile(`FROM a\nRUN --mount=${text} x\n`).instructions
  if (run?.kind !== 'run' || run.mounts[0] === undefined) throw new Error(`no mount in ${text}`)
  return run.mounts[0]
}
