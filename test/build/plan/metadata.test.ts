import { describe, expect, it } from 'vitest'
import type { ContainerConfig } from '../../../src/oci/types.ts'
import { history, plan } from './harness.ts'
import type { PlanOptions } from './harness.ts'

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

describe('image config', () => {
  it.for<[string, string, ContainerConfig, PlanOptions?]>([
    ['scratch has a PATH and a directory', 'FROM scratch', { Env: [path], WorkingDir: '/' }],
    ['a base without PATH gets one', 'FROM bare', { Env: [path] }],
    ['one ENV sees the old values', 'FROM busybox\nENV X=old\nENV X=new Y=$X', { Env: [path, 'X=new', 'Y=old'] }],
    ['ENV replaces in place', 'FROM busybox\nENV A=1 B=2\nENV A=3', { Env: [path, 'A=3', 'B=2'] }],
    ['ENV in its old form', 'FROM busybox\nENV A hello  world', { Env: [path, 'A=hello  world'] }],
    ['ARG does not reach the image', 'FROM busybox\nENV A=env\nARG A=arg', { Env: [path, 'A=env'] }],
    [
      'an ARG wins over an ENV until the next ENV',
      'FROM busybox\nENV A=env\nARG A=arg\nENV B=$A',
      { Env: [path, 'A=env', 'B=arg'] },
    ],
    ['ARG expands left to right', 'FROM busybox\nARG A=1 B=$A\nLABEL b=$B', { Labels: { b: '1' } }],
    [
      'a build argument wins over a default',
      'FROM busybox\nARG A=1\nLABEL a=$A',
      { Labels: { a: '2' } },
      { buildArgs: { A: '2' } },
    ],
    [
      'an undeclared build argument is nothing',
      'FROM busybox\nLABEL a="[$A]"',
      { Labels: { a: '[]' } },
      { buildArgs: { A: '2' } },
    ],
    [
      'a global argument must be declared again',
      'ARG A=1\nFROM busybox\nLABEL a="[$A]"\nARG A\nLABEL b=$A',
      { Labels: { a: '[]', b: '1' } },
    ],
    [
      'platform arguments',
      'FROM busybox\nARG TARGETARCH\nARG BUILDPLATFORM\nLABEL a=$TARGETARCH b=$BUILDPLATFORM',
      { Labels: { a: 'arm64', b: 'linux/amd64' } },
      { targetPlatform: { os: 'linux', architecture: 'arm64' } },
    ],
    [
      'EXPOSE ranges, protocols, mappings',
      'FROM busybox\nEXPOSE 80 90-91/UDP 8080:70',
      { ExposedPorts: { '80/tcp': {}, '90/udp': {}, '91/udp': {}, '70/tcp': {} } },
    ],
    ['EXPOSE splits variables', 'FROM busybox\nENV P="1 2"\nEXPOSE $P', { ExposedPorts: { '1/tcp': {}, '2/tcp': {} } }],
    ['ENTRYPOINT drops an inherited CMD', 'FROM rich\nENTRYPOINT ["/new"]', { Entrypoint: ['/new'] }],
    [
      'ENTRYPOINT keeps the CMD of its stage',
      'FROM rich\nCMD ["x"]\nENTRYPOINT ["/new"]',
      { Entrypoint: ['/new'], Cmd: ['x'], ArgsEscaped: true },
    ],
    ['shell form goes to the inherited SHELL', 'FROM rich\nCMD echo $HOME', { Cmd: ['/bin/sh', '-ec', 'echo $HOME'] }],
    [
      'SHELL holds from there on',
      'FROM busybox\nCMD a\nSHELL ["/b", "-c"]\nENTRYPOINT c',
      { Cmd: ['/bin/sh', '-c', 'a'], Entrypoint: ['/b', '-c', 'c'], Shell: ['/b', '-c'] },
    ],
    [
      'HEALTHCHECK',
      'FROM busybox\nHEALTHCHECK --interval=5s --retries=2 CMD check it',
      { Healthcheck: { Test: ['CMD-SHELL', 'check it'], Interval: 5e9, Retries: 2 } },
    ],
    ['HEALTHCHECK NONE', 'FROM rich\nHEALTHCHECK NONE', { Healthcheck: { Test: ['NONE'] } }],
    ['WORKDIR chains and keeps its slash', 'FROM rich\nWORKDIR sub\nWORKDIR /x/', { WorkingDir: '/x/' }],
    ['WORKDIR with variables', 'FROM busybox\nENV D=/d\nWORKDIR $D\nWORKDIR e/../f', { WorkingDir: '/d/f' }],
    ['VOLUME adds', 'FROM rich\nVOLUME /a rel', { Volumes: { '/vol': {}, '/a': {}, rel: {} } }],
    [
      'USER, STOPSIGNAL',
      'FROM busybox\nENV U=me\nUSER $U:grp\nSTOPSIGNAL term',
      { User: 'me:grp', StopSignal: 'term' },
    ],
    [
      'labels of the command line win',
      'FROM rich\nLABEL a=file',
      { Labels: { base: 'yes', a: 'cli' } },
      { labels: { a: 'cli' } },
    ],
    [
      'a base keeps all that is not said',
      'FROM rich',
      { User: 'app', WorkingDir: '/data', Cmd: ['base-cmd'], Env: [path, 'BASE=1', 'TRIG=fired'] },
    ],
    ['ONBUILD is stored, and not inherited', 'FROM rich\nONBUILD RUN x', { OnBuild: ['RUN x'] }],
    [
      'a stage inherits arguments of its base stage',
      'FROM busybox AS a\nARG V=arg\nENV W=$V\nFROM a\nLABEL v=$V w=$W',
      { Labels: { v: 'arg', w: 'arg' } },
    ],
    [
      'triggers of a stage run in the next',
      'FROM busybox AS a\nONBUILD ENV T=1\nFROM a\nFROM a AS b',
      { Env: [path, 'T=1'] },
    ],
  ])('%s', async ([, text, config, options]) => {
    const { image } = await plan(text, options)
    expect(image.config).toMatchObject(config)
    for (const key of ['Cmd', 'OnBuild'] as const)
      if (config[key] === undefined && text.includes('ENTRYPOINT ["/new"]'))
        expect(image.config).not.toHaveProperty(key)
  })

  it('takes triggers out of the config', async () => {
    expect((await plan('FROM rich')).image.config).not.toHaveProperty('OnBuild')
    expect((await plan('FROM busybox AS a\nONBUILD ENV T=1\nFROM a')).image.config).not.toHaveProperty('OnBuild')
  })

  it('sets author and platform', async () => {
    const arm = { os: 'linux', architecture: 'arm64', variant: 'v8' }
    const { image } = await plan('FROM scratch\nMAINTAINER me <m@x>', { targetPlatform: arm, explicitPlatform: true })
    expect(image).toMatchObject({ author: 'me <m@x>', platform: { os: 'linux', architecture: 'arm64' } })
  })
})

describe('history', () => {
  it('is written as BuildKit writes it', async () => {
    const text = `FROM busybox
ARG V=1 N
ENV A=1 B="x y"
LABEL l=$V
WORKDIR /w
RUN echo $A
RUN ["a","b c"]
COPY --chown=1:2 --chmod=755 a b dst/
ADD <<E /e
x
E
EXPOSE 80
CMD ["a", "b\\t"]
ENTRYPOINT c
USER u
VOLUME /v /w
STOPSIGNAL 9
SHELL ["s", "-c"]
HEALTHCHECK --interval=1m30s CMD x
ONBUILD RUN y`
    expect(history(await plan(text))).toEqual([
      'ARG V=1 N',
      'ENV A=1 B=x y',
      'LABEL l=1',
      'WORKDIR /w',
      'RUN |2 V=1 N= /bin/sh -c echo $A # buildkit',
      'RUN |2 V=1 N= a b c # buildkit',
      'COPY --chown=1:2 --chmod=755 a b dst/ # buildkit',
      'ADD <<E /e # buildkit',
      'EXPOSE [80/tcp]',
      'CMD ["a" "b\\t"]',
      'ENTRYPOINT ["/bin/sh" "-c" "c"]',
      'USER u',
      'VOLUME [/v /w]',
      'STOPSIGNAL 9',
      'SHELL [s -c]',
      'HEALTHCHECK {Test:[CMD-SHELL x] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}',
    ])
  })

  it('has ports in the order of the written words', async () => {
    const text = 'FROM busybox\nENV P=9\nEXPOSE 80 $P 443 8080/udp'
    expect(history(await plan(text)).at(-1)).toBe('EXPOSE [9/tcp 443/tcp 80/tcp 8080/udp]')
  })

  it('marks what makes a layer, and of which step', async () => {
    const { image, target } = await plan('FROM busybox\nENV A=1\nRUN x\nWORKDIR /')
    const [base, env, run, workdir] = image.history
    expect(base).not.toHaveProperty('empty_layer')
    expect(env).toMatchObject({ empty_layer: true, comment: 'buildkit.dockerfile.v0' })
    expect(run).toMatchObject({ layer: target?.digest })
    expect(run).not.toHaveProperty('empty_layer')
    expect(workdir).toMatchObject({ empty_layer: true })
  })
})
