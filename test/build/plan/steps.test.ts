import { describe, expect, it } from 'vitest'
import type { ExecOp, FilesOp } from '../../../src/build/ops/op.ts'
import { lastOp, names, plan, steps } from './harness.ts'
import type { PlanOptions } from './harness.ts'

describe('steps', () => {
  it.for<[string, string, readonly string[], PlanOptions?]>([
    ['a chain', 'FROM busybox\nRUN a\nENV X=1\nCOPY f /', ['image', 'exec /bin/sh -c a', 'copy context:/f /']],
    [
      'only what the target needs',
      'FROM busybox AS a\nRUN a\nFROM busybox AS b\nRUN b\nFROM busybox\nCOPY --from=a /x /',
      ['image', 'exec /bin/sh -c a', 'copy exec:/x /'],
    ],
    [
      'the target that is named, in any case',
      'FROM busybox AS one\nRUN 1\nFROM busybox AS two\nRUN 2',
      ['image', 'exec /bin/sh -c 1'],
      { target: 'ONE' },
    ],
    [
      'equal steps of two stages once',
      'FROM busybox AS a\nRUN x\nFROM busybox AS b\nRUN x\nFROM scratch\nCOPY --from=a /1 /\nCOPY --from=b /2 /',
      ['image', 'exec /bin/sh -c x', 'copy exec:/1 /', 'copy exec:/2 /'],
    ],
    [
      'COPY from a stage by index',
      'FROM busybox\nRUN a\nFROM scratch\nCOPY --from=0 /x /y',
      ['image', 'exec /bin/sh -c a', 'copy exec:/x /y'],
    ],
    ['COPY from an image', 'FROM scratch\nCOPY --from=busybox /x /y', ['image', 'copy image:/x /y']],
    [
      'destinations',
      'FROM scratch\nWORKDIR /w\nCOPY a .\nCOPY a b/\nCOPY a ../c\nCOPY a ""\nCOPY a /d/.',
      [
        'mkdir /w',
        'copy context:/a /w/',
        'copy context:/a /w/b/',
        'copy context:/a /c',
        'copy context:/a /w/',
        'copy context:/a /d/.',
      ],
    ],
    [
      'sources stay below the root',
      'FROM scratch\nCOPY ../../a ./b/../c /d/e/../f/',
      ['copy context:/a,/c /d/e/../f/'],
    ],
    [
      'sources of several places in one step',
      'FROM scratch\nADD a http://x/b.tgz https://h/r.git#v1:sub c /d/',
      [
        'http http://x/b.tgz',
        'git https://h/r.git',
        'copy context:/a /d/; copy http:/b.tgz /d/; copy git:/ /d/; copy context:/c /d/',
      ],
    ],
    [
      'inline documents after paths',
      'FROM scratch\nARG V=1\nCOPY <<A <<"B" f /d/\n$V\nA\n$V\nB',
      ['copy context:/f /d/; write /d/ "1\\n"; write /d/ "$V\\n"'],
    ],
    ['a lone heredoc is the script', 'FROM busybox\nRUN <<E\na\nb\nE', ['image', 'exec /bin/sh -c a\nb\n']],
    [
      'a heredoc with #! is a program',
      'FROM busybox\nRUN <<E\n#!/bin/p\nx\nE',
      ['image', 'write /E "#!/bin/p\\nx\\n"', 'exec /dev/pipes/E'],
    ],
    [
      'a heredoc inside a line is left to the shell',
      'FROM busybox\nRUN cat <<E > /o\nx\nE',
      ['image', 'exec /bin/sh -c cat <<E > /o\nx\nE'],
    ],
    ['triggers of the base first', 'FROM rich\nRUN x', ['image', 'copy context:/trig.txt /trig', 'exec /bin/sh -ec x']],
    [
      'an image replaced by a folder',
      'FROM busybox\nRUN x',
      ['copy busybox:/ /', 'exec /bin/sh -c x'],
      { contexts: new Map([['busybox', { kind: 'files', name: 'busybox' }]]) },
    ],
    [
      'a stage replaced by an image',
      'FROM scratch AS dep\nRUN no\nFROM scratch\nCOPY --from=dep /x /',
      ['image', 'copy image:/x /'],
      { contexts: new Map([['dep', { kind: 'image', reference: 'busybox' }]]) },
    ],
    [
      'COPY from a named folder reads it in place',
      'FROM scratch\nCOPY --from=src /x /',
      ['copy src:/x /'],
      { contexts: new Map([['src', { kind: 'files', name: 'src' }]]) },
    ],
    [
      'a bind mount of the context takes only its source',
      'FROM busybox\nRUN --mount=type=bind,source=s,target=/t x',
      ['image', 'copy context:/s /s', 'exec /bin/sh -c x'],
    ],
  ])('%s', async ([, text, expected, options]) => {
    expect(steps(await plan(text, options))).toEqual(expected)
  })

  it('asks for an image of each platform', async () => {
    const asked: string[] = []
    const arm = { os: 'linux', architecture: 'arm64' }
    const text = 'FROM --platform=$BUILDPLATFORM busybox AS b\nFROM busybox\nCOPY --from=b /x /'
    await plan(text, { targetPlatform: arm, explicitPlatform: true }, asked)
    expect(asked.toSorted()).toEqual(['busybox amd64', 'busybox arm64'])
  })

  it('names steps by stage and number', async () => {
    const text = 'FROM busybox AS a\nENV X=1\nRUN echo $X $Y "q"\nFROM rich\ncopy --from=a /x  /y\nWORKDIR /w'
    expect(names(await plan(text)).toSorted()).toEqual([
      '[a 1/2] FROM docker.io/library/busybox',
      '[a 2/2] RUN echo 1 $Y "q"',
      '[stage-1 1/3] FROM docker.io/library/rich',
      '[stage-1 2/4] ONBUILD COPY trig.txt /trig',
      '[stage-1 3/4] COPY --from=a /x  /y',
      '[stage-1 4/4] WORKDIR /w',
    ])
    expect(names(await plan('FROM busybox\nRUN x'))).toEqual(['[1/2] FROM docker.io/library/busybox', '[2/2] RUN x'])
  })
})

describe('RUN', () => {
  const run = async (text: string, options?: PlanOptions): Promise<ExecOp> =>
    lastOp(await plan(`FROM busybox\n${text}`, options)) as ExecOp

  it('sees variables, directory and user', async () => {
    const op = await run('ENV A=1\nARG A=2 B=3\nWORKDIR w\nUSER u\nRUN x', { buildArgs: { B: '4' } })
    expect(op).toMatchObject({ cwd: '/w', user: 'u', network: 'default' })
    expect(op.env).toContain('A=2')
    expect(op.env).toContain('B=4')
  })

  it('describes its mounts', async () => {
    const op = await run(
      `WORKDIR /w
ENV T=/tt
RUN --mount=type=tmpfs,target=$T,size=1m --mount=type=cache,target=/c/../d,uid=5,sharing=locked --mount=type=secret,id=s \\
 --mount=type=secret,id=e,env=TOKEN --mount=type=ssh --mount=type=ssh,id=k,target=/sock --mount=target=rel,rw,from=busybox x`,
      { buildArgs: { BUILDKIT_CACHE_MOUNT_NS: 'ns' } },
    )
    expect(op.mounts).toEqual([
      { kind: 'tmpfs', target: '/tt', size: 1048576 },
      {
        kind: 'cache',
        id: 'ns//d',
        sharing: 'locked',
        source: '/',
        target: '/d',
        readonly: false,
        owner: { uid: 5, gid: 0, mode: 0o755 },
      },
      { kind: 'secret', id: 's', required: false, target: '/run/secrets/s', uid: 0, gid: 0, mode: 0o400 },
      { kind: 'secret', id: 'e', required: false, env: 'TOKEN', uid: 0, gid: 0, mode: 0o400 },
      { kind: 'ssh', id: 'default', required: false, target: '/run/buildkit/ssh_agent.0', uid: 0, gid: 0, mode: 0o600 },
      { kind: 'ssh', id: 'k', required: false, target: '/sock', uid: 0, gid: 0, mode: 0o600 },
      { kind: 'bind', input: 1, source: '/', target: '/w/rel', readonly: false },
    ])
  })

  it('takes network and hosts from the request', async () => {
    const hosts = [{ name: 'h', address: '10.0.0.1' }]
    expect(await run('RUN x', { network: 'none', hosts })).toMatchObject({ network: 'none', hosts })
    expect(await run('RUN --network=none x', { network: 'default' })).toMatchObject({ network: 'none' })
  })

  it('is not told apart by proxies, names or cache flags', async () => {
    const one = await plan('FROM busybox\nRUN x', { buildArgs: { http_proxy: 'http://p' } })
    const two = await plan('FROM busybox AS n\nRUN x\nRUN y', { noCache: true })
    expect(two.target?.inputs[0]?.digest).toBe(one.target?.digest)
    expect(two.target?.label.ignoreCache).toBe(true)
  })

  it('ignores the cache for named stages only', async () => {
    const { target } = await plan('FROM busybox AS A\nRUN x\nFROM a\nRUN y', { noCache: ['A'] })
    expect([target?.label.ignoreCache, target?.inputs[0]?.label.ignoreCache]).toEqual([false, true])
  })
})

describe('COPY and ADD', () => {
  const files = async (text: string): Promise<FilesOp> => lastOp(await plan(`FROM busybox\n${text}`)) as FilesOp

  it('unpacks for ADD of paths only', async () => {
    const kinds = async (text: string): Promise<unknown[]> =>
      (await files(text)).actions.map((action) => (action.op === 'copy' ? action.archives : action.op))
    expect(await kinds('COPY a.tar /')).toEqual(['keep'])
    expect(await kinds('ADD a.tar /')).toEqual(['auto'])
    expect(await kinds('ADD --unpack=false a.tar /')).toEqual(['keep'])
    expect(await kinds('ADD http://x/a.tar /')).toEqual(['keep'])
    expect(await kinds('ADD --unpack=true http://x/a.tar /')).toEqual(['auto'])
  })

  it('keeps paths below the pivot with --parents', async () => {
    const { actions } = await files('COPY --parents a/b ./c/./d/*.txt /dst/')
    expect(actions[0]).toMatchObject({
      parents: true,
      sources: [
        { path: '/a/b', wildcard: false, pivot: '/' },
        { path: '/c/d/*.txt', wildcard: true, pivot: '/c' },
      ],
    })
  })

  it('takes --link as a layer of its own, unless --chmod is given', async () => {
    expect((await files('COPY --link a /')).detached).toBe(true)
    expect((await files('COPY --link --chmod=700 a /')).detached).toBe(false)
  })

  it('expands flags', async () => {
    const { actions } = await files('ENV U=me M=700 X=*.md\nCOPY --chown=$U --chmod=$M --exclude=$X a /')
    expect(actions[0]).toMatchObject({ owner: 'me', chmod: '700', exclude: ['$X'] })
  })

  it('reads git addresses', async () => {
    const { target } = await plan('FROM scratch\nADD --keep-git-dir https://h/r.git?branch=b&checksum=abc1234 /')
    expect(target?.inputs[1]?.op).toEqual({
      kind: 'git',
      remote: 'https://h/r.git',
      ref: 'refs/heads/b',
      subdir: '',
      keepGitDir: true,
      submodules: true,
      mtime: 'checkout',
      checksum: 'abc1234',
    })
  })
})
