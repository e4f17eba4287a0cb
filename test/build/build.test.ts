import {
  chmodSync,
  existsSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cannotBuild, openBuilder } from './builder.ts'

/** Where two steps that run at once find each other, and the words by which one waits there for the other; alone it gives up after a minute. */
const meetingPlace = '--mount=type=cache,id=meet,target=/meet'
const meet = (name: string, other: string): string =>
  `touch /meet/${name} && for i in $(seq 600); do test -e /meet/${other} && break; sleep 0.1; done && test -e /meet/${other}`

describe.skipIf(cannotBuild !== false)('build', () => {
  it('makes an image of all kinds of steps, and the same again from the cache', async () => {
    await using builder = await openBuilder()
    builder.write({ 'a.txt': 'hello\n', 'dir/b': 'b\n', 'skip.log': 'x', '.dockerignore': '*.log\n' })
    const text = `FROM base AS make
ARG WHO=world
RUN echo "hi $WHO" > /hi && mkdir /out && echo made > /out/made
FROM base
LABEL a=b
ENV MODE=fast
COPY --chown=app . /src/
COPY --from=make /out /out
WORKDIR /work
USER app
RUN ["sh", "-c", "id -un > /tmp/who; echo $MODE > /tmp/mode"]
COPY <<E /doc
mode is $MODE
E
CMD ["sh"]`
    const first = await builder.build(text, { tags: ['x:1'] })
    expect(await builder.read(first, '/src/a.txt')).toBe('hello\n')
    expect(await builder.stat(first, '/src/dir/b')).toBe('644 1000:1000')
    await expect(builder.read(first, '/src/skip.log')).rejects.toMatchObject({ code: 'PATH_MISSING' })
    expect(await builder.read(first, '/out/made')).toBe('made\n')
    expect(await builder.read(first, '/tmp/who')).toBe('app\n')
    expect(await builder.read(first, '/tmp/mode')).toBe('fast\n')
    expect(await builder.read(first, '/doc')).toBe('mode is fast\n')
    expect(first.images[0]?.config.config).toMatchObject({
      User: 'app',
      WorkingDir: '/work',
      Labels: { a: 'b' },
      Cmd: ['sh'],
    })
    expect(builder.leftovers()).toEqual([])

    const second = await builder.build(text, { tags: ['x:2'] })
    expect(second.images[0]?.id).toBe(first.images[0]?.id)
    expect(builder.ran(second)).toEqual([])
    expect(
      builder.events.some(
        (event) => event.kind === 'vertex' && event.state === 'running' && event.name.startsWith('[stage'),
      ),
    ).toBe(false)
  })

  it('gives another ID and no new layer when only a label changes', async () => {
    await using builder = await openBuilder()
    const text = (label: string): string => `FROM base\nRUN echo x > /x\nLABEL v=${label}`
    const one = await builder.build(text('1'))
    const two = await builder.build(text('2'))
    expect(two.images[0]?.id).not.toBe(one.images[0]?.id)
    expect(two.images[0]?.config.rootfs).toEqual(one.images[0]?.config.rootfs)
    expect(builder.ran(two)).toEqual([])
  })

  it('keeps what --no-cache makes again with the same result', async () => {
    await using builder = await openBuilder()
    builder.write({ f: 'f' })
    const text = 'FROM base\nCOPY f /f\nRUN true'
    const one = await builder.build(text)
    const two = await builder.build(text, { noCache: true })
    expect(builder.ran(two)).toContain('COPY f /f')
    expect(two.images[0]?.id).toBe(one.images[0]?.id)
  })

  describe('the cache', () => {
    it('sees content, not times', async () => {
      await using builder = await openBuilder()
      builder.write({ f: 'one\n' })
      const text = 'FROM base\nCOPY f /f'
      await builder.build(text)
      utimesSync(join(builder.folder, 'f'), 1, 1)
      expect(builder.ran(await builder.build(text))).toEqual([])
      // The same size and time with other content.
      const { mtime } = statSync(join(builder.folder, 'f'))
      writeFileSync(join(builder.folder, 'f'), 'two\n')
      utimesSync(join(builder.folder, 'f'), mtime, mtime)
      const changed = await builder.build(text)
      expect(await builder.read(changed, '/f')).toBe('two\n')
      expect(changed.record.steps.find(({ explanation }) => explanation)?.explanation).toEqual({
        kind: 'file',
        name: 'f',
        change: 'content',
      })
    })

    it('sees modes and link targets', async () => {
      await using builder = await openBuilder()
      builder.write({ f: 'x' })
      symlinkSync('f', join(builder.folder, 'l'))
      const text = 'FROM base\nCOPY . /c/'
      await builder.build(text)
      chmodSync(join(builder.folder, 'f'), 0o600)
      const one = await builder.build(text)
      expect(one.record.steps.find(({ explanation }) => explanation)?.explanation).toMatchObject({
        name: 'f',
        change: 'mode',
      })
      expect(builder.ran(await builder.build(text))).toEqual([])
    })

    it('does not see files that the copy does not take', async () => {
      await using builder = await openBuilder()
      builder.write({ 'a/f': '1', 'b/f': '1', '.dockerignore': 'b/*.tmp\n' })
      const text = 'FROM base\nCOPY a /a\nCOPY --exclude=*.md b /b'
      await builder.build(text)
      builder.write({ c: 'new', 'b/x.tmp': '1', 'b/x.md': '2' })
      expect(builder.ran(await builder.build(text))).toEqual([])
      builder.write({ 'b/g': '2' })
      expect(builder.ran(await builder.build(text))).toEqual(['COPY --exclude=*.md b /b'])
    })

    it('stops at a stage whose selected files did not change', async () => {
      await using builder = await openBuilder()
      const text = (noise: string): string =>
        `FROM base AS make\nRUN echo ${noise} > /noise; echo same > /same\nFROM base\nCOPY --from=make /same /same\nRUN cat /same`
      const one = await builder.build(text('1'))
      const two = await builder.build(text('2'))
      expect(builder.ran(two)).toEqual(['RUN echo 2 > /noise; echo same > /same'])
      expect(two.images[0]?.id).toBe(one.images[0]?.id)
    })

    it('is shared by processes, and a step that both need runs once', async () => {
      await using one = await openBuilder()
      await using two = await openBuilder({ root: one.root })
      const text = 'FROM base\nRUN sleep 0.3; cat /proc/sys/kernel/random/uuid > /when'
      const [first, second] = await Promise.all([one.build(text), two.build(text)])
      expect(await one.read(first, '/when')).toBe(await two.read(second, '/when'))
      expect(first.images[0]?.id).toBe(second.images[0]?.id)
      expect([...one.leftovers(), ...two.leftovers()]).toEqual([])
    })

    it('can be emptied, and knows that a result was evicted', async () => {
      await using builder = await openBuilder()
      const text = 'FROM base\nRUN echo x > /x'
      await builder.build(text, { outputs: [{ kind: 'none' }] })
      const { builderPrune } = await import('../../src/engine/builder-prune.ts')
      const { builderDu } = await import('../../src/engine/builder-du.ts')
      expect(await builderDu(builder.engine, [])).not.toEqual([])
      const pruned = await builderPrune(
        builder.engine,
        { all: true, filters: [] },
        { signal: new AbortController().signal },
      )
      expect(pruned.removed.map(({ kind }) => kind)).toContain('layer')
      expect(await builderDu(builder.engine, [])).toEqual([])
      expect(builder.ran(await builder.build(text))).toContain('RUN echo x > /x')
    })
  })

  describe('RUN', () => {
    it('has mounts that leave nothing behind', async () => {
      await using builder = await openBuilder()
      builder.write({ 'sub/f': 'from context\n' })
      const result = await builder.build(
        `FROM base AS src
RUN mkdir /data && echo from stage > /data/d
FROM base
RUN --mount=type=bind,source=sub,target=/mnt/ctx --mount=from=src,source=/data,target=/mnt/src \\
  --mount=type=tmpfs,target=/mnt/tmp --mount=type=secret,id=s,target=/mnt/secret \\
  cat /mnt/ctx/f /mnt/src/d /mnt/secret > /all; echo x > /mnt/tmp/x; ! touch /mnt/ctx/new 2>/dev/null`,
        { secrets: new Map([['s', { kind: 'file' as const, path: join(builder.folder, 'sub/f') }]]) },
      )
      expect(await builder.read(result, '/all')).toBe('from context\nfrom stage\nfrom context\n')
      await expect(builder.read(result, '/mnt/ctx/f')).rejects.toMatchObject({ code: 'PATH_MISSING' })
      expect(builder.leftovers()).toEqual([])
    })

    it('keeps cache mounts between builds, and outside the image', async () => {
      await using builder = await openBuilder()
      const text = (round: string): string =>
        `FROM base\nRUN --mount=type=cache,target=/c echo ${round} >> /c/log; cat /c/log > /log`
      await builder.build(text('1'))
      const second = await builder.build(text('2'))
      expect(await builder.read(second, '/log')).toBe('1\n2\n')
      await expect(builder.read(second, '/c/log')).rejects.toMatchObject({ code: 'PATH_MISSING' })
    })

    it('lets users of a locked cache not meet', async () => {
      await using builder = await openBuilder()
      const stage = (name: string): string =>
        `FROM base AS ${name}\nRUN --mount=type=cache,id=c,target=/c,sharing=locked test ! -e /c/busy && touch /c/busy && sleep 0.3 && rm /c/busy && echo ${name} > /${name}\n`
      await builder.build(`${stage('a')}${stage('b')}FROM base\nCOPY --from=a /a /\nCOPY --from=b /b /`)
    })

    it('gives each of two users at once a private cache of its own', async () => {
      await using builder = await openBuilder()
      const mounts = `--mount=type=cache,id=c,target=/c,sharing=private ${meetingPlace}`
      const stage = (name: string, other: string): string =>
        `FROM base AS ${name}\nRUN ${mounts} touch /c/${name} && ${meet(name, other)} && test ! -e /c/${other} && touch /${name}\n`
      await builder.build(`${stage('a', 'b')}${stage('b', 'a')}FROM base\nCOPY --from=a /a /\nCOPY --from=b /b /`)
      // Two, and the place where they met.
      expect(readdirSync(join(builder.root, 'caches'))).toHaveLength(3)
    })

    it('shows secrets to the step alone', async () => {
      await using builder = await openBuilder()
      builder.write({ token: 'sw0rdfish-12345' })
      const result = await builder.build(
        'FROM base\nRUN --mount=type=secret,id=t,env=T echo "it is $T"; test "$(cat /run/secrets/t 2>/dev/null)" = ""',
        { secrets: new Map([['t', { kind: 'file' as const, path: join(builder.folder, 'token') }]]) },
      )
      expect(builder.output()).toBe('it is ****\n')
      expect(JSON.stringify([result.record, result.images[0]?.config])).not.toContain('sw0rdfish')
      const records = builder.engine.store.db.all('SELECT * FROM cache_records')
      expect(JSON.stringify(records)).not.toContain('sw0rdfish')
    })

    it('runs independent stages side by side', async () => {
      await using builder = await openBuilder()
      const stage = (name: string, other: string): string =>
        `FROM base AS ${name}\nRUN ${meetingPlace} ${meet(name, other)} && touch /${name}\n`
      await builder.build(`${stage('a', 'b')}${stage('b', 'a')}FROM base\nCOPY --from=a /a /\nCOPY --from=b /b /`)
    })
  })

  describe('a failure', () => {
    it.for<[string, string, object]>([
      ['of a command', 'FROM base\nRUN echo no; exit 3', { code: 'RUN_FAILED', details: { line: 2, exitCode: 3 } }],
      ['by a signal', "FROM base\nRUN sh -c 'kill -9 $$'; exit $?", { code: 'RUN_FAILED', details: { exitCode: 137 } }],
      ['of a program that is not there', 'FROM base\nRUN ["/nope"]', { code: 'EXEC_NOT_FOUND', details: { line: 2 } }],
      ['of a user that is not there', 'FROM base\nUSER ghost\nRUN id', { code: 'USER_UNKNOWN', details: { line: 3 } }],
      [
        'of a source that is not there',
        'FROM base\nCOPY aap.txt /',
        { code: 'SOURCE_MISSING', hint: 'Did you mean "app.txt"?', details: { line: 2 } },
      ],
      [
        'of a source that is hidden',
        'FROM base\nCOPY x.log /',
        { code: 'SOURCE_MISSING', details: { line: 2, rule: '*.log', ruleFile: '.dockerignore', ruleLine: 2 } },
      ],
      [
        'of a source in a stage',
        'FROM base AS a\nRUN true\nFROM base\nCOPY --from=a /nope /',
        { code: 'SOURCE_MISSING', details: { line: 4, source: '/nope' } },
      ],
      [
        'of a mount of nothing',
        'FROM base\nRUN --mount=source=aap.txt,target=/x true',
        { message: expect.stringContaining('Cannot mount "aap.txt"') as unknown, hint: 'Did you mean "app.txt"?' },
      ],
      [
        'of a mount of nothing in a stage',
        'FROM base AS a\nRUN true\nFROM base\nRUN --mount=from=a,source=/nope,target=/x true',
        { message: expect.stringContaining('Cannot mount "/nope"') as unknown, details: { line: 4 } },
      ],
      ['of a file onto a folder', 'FROM base\nRUN mkdir -p /d/app.txt\nCOPY app.txt /d/', { details: { line: 3 } }],
      [
        'of a missing secret',
        'FROM base\nRUN --mount=type=secret,id=s,required true',
        { code: 'SECRET_MISSING', details: { line: 2 } },
      ],
      ['of an unknown base', 'FROM nowhere', { code: 'IMAGE_NOT_FOUND', details: { line: 1 } }],
      ['of a step that takes too long', 'FROM base\nRUN sleep 30', { code: 'RUN_FAILED', details: { timedOut: true } }],
    ])('%s names its place and leaves nothing', async ([, text, expected]) => {
      await using builder = await openBuilder()
      builder.write({ 'app.txt': 'x', 'x.log': 'x', '.dockerignore': '# logs\n*.log\n' })
      const limits = text.includes('sleep 30') ? { timeoutMs: 300 } : {}
      await expect(builder.build(text, { tags: ['x'], limits })).rejects.toMatchObject(expected)
      expect(builder.leftovers()).toEqual([])
      expect(builder.engine.imageRecords.refs()).toEqual([])
      expect(builder.engine.imageRecords.images()).toEqual([])
    })

    it('stops the other steps', async () => {
      await using builder = await openBuilder()
      const text =
        'FROM base AS slow\nRUN sleep 60; echo x > /x\nFROM base\nRUN sleep 0.3; exit 1\nCOPY --from=slow /x /'
      await expect(builder.build(text)).rejects.toMatchObject({ code: 'RUN_FAILED' })
      expect(builder.leftovers()).toEqual([])
      const states = builder.events.flatMap((event) =>
        event.kind === 'vertex' && event.name.includes('sleep 60') ? [event.state] : [],
      )
      expect(states).toEqual(['running', 'cancelled'])
    })

    it('is not remembered', async () => {
      await using builder = await openBuilder()
      builder.write({ ok: '' })
      const text = 'FROM base\nRUN --mount=type=bind,target=/c test -e /c/go && echo done > /done'
      await expect(builder.build(text)).rejects.toMatchObject({ code: 'RUN_FAILED' })
      builder.write({ go: '' })
      expect(await builder.read(await builder.build(text), '/done')).toBe('done\n')
    })
  })

  it('ends with CANCELLED when it is told to, and leaves nothing', async () => {
    await using builder = await openBuilder()
    const abort = new AbortController()
    const running = builder.build('FROM base\nRUN echo started; sleep 60', { signal: abort.signal })
    const watch = setInterval(() => {
      if (builder.output().includes('started')) abort.abort()
    }, 20)
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' })
    clearInterval(watch)
    expect(builder.leftovers()).toEqual([])
  })

  describe('outputs', () => {
    it('writes a folder, as the user who builds', async () => {
      await using builder = await openBuilder()
      const dest = join(builder.root, 'out')
      await builder.build('FROM scratch\nCOPY --chown=5:6 <<E /a/b\nx\nE', {
        outputs: [{ kind: 'local', dest, mode: 'copy', platformSplit: undefined }],
      })
      expect(readFileSync(join(dest, 'a/b'), 'utf8')).toBe('x\n')
      expect(statSync(join(dest, 'a/b')).uid).toBe(process.getuid?.())
      expect(builder.engine.imageRecords.images()).toEqual([])
    })

    it('writes nothing when nothing is wanted', async () => {
      await using builder = await openBuilder()
      const result = await builder.build('FROM scratch\nCOPY <<E /a\nx\nE', {
        outputs: [{ kind: 'none' }],
        tags: ['x'],
      })
      expect(result.images).toEqual([])
      expect(builder.engine.imageRecords.refs()).toEqual([])
    })

    it('makes one layer of all with --squash', async () => {
      await using builder = await openBuilder()
      const result = await builder.build(
        'FROM base AS b\nFROM b\nRUN echo 1 > /1; echo 2 > /2\nRUN rm /2; echo 3 > /3',
        { squash: true },
      )
      expect(result.images[0]?.config.rootfs.diff_ids).toHaveLength(1)
      expect(await builder.read(result, '/3')).toBe('3\n')
      await expect(builder.read(result, '/2')).rejects.toMatchObject({ code: 'PATH_MISSING' })
    })

    it('makes an index of several platforms', async () => {
      await using builder = await openBuilder()
      const text = 'FROM scratch\nARG TARGETARCH\nCOPY <<E /arch\n$TARGETARCH\nE'
      const result = await builder.build(text, { platforms: ['linux/amd64', 'linux/arm64'], tags: ['multi'] })
      expect(result.images.map(({ config }) => config.architecture)).toEqual(['amd64', 'arm64'])
      expect(result.target?.mediaType).toBe('application/vnd.oci.image.index.v1+json')
      expect(await builder.read(result, '/arch')).toBe('amd64\n')
    })
  })

  it('is reproducible with SOURCE_DATE_EPOCH in another store', async () => {
    const ids: (string | undefined)[] = []
    for (let round = 0; round < 2; round++) {
      await using builder = await openBuilder()
      builder.write({ f: 'x' })
      const result = await builder.build('FROM scratch\nCOPY f /d/f\nWORKDIR /w\nLABEL a=b', {
        buildArgs: { SOURCE_DATE_EPOCH: '1700000000' },
      })
      ids.push(result.images[0]?.id)
      expect(result.images[0]?.config.created).toBe('2023-11-14T22:13:20.000Z')
    }
    expect(ids[0]).toBe(ids[1])
  })

  it('takes SOURCE_DATE_EPOCH from an ARG before the first FROM', async () => {
    await using builder = await openBuilder()
    const text = 'ARG DAY=86400\nARG SOURCE_DATE_EPOCH=${DAY}\nFROM scratch\nCOPY <<E /f\nx\nE'
    const created = async (buildArgs: Record<string, string>): Promise<string | undefined> =>
      (await builder.build(text, { buildArgs })).images[0]?.config.created
    expect(await created({})).toBe('1970-01-02T00:00:00.000Z')
    expect(await created({ SOURCE_DATE_EPOCH: '0' })).toBe('1970-01-01T00:00:00.000Z')
    await expect(created({ SOURCE_DATE_EPOCH: 'soon' })).rejects.toMatchObject({ code: 'USAGE' })
  })

  describe('--verify', () => {
    it.for<[string, string, object | undefined]>([
      ['passes what is reproducible', 'RUN mkdir /d && echo x > /d/f', undefined],
      [
        'names the file that differs',
        'RUN echo x > /x\nRUN mkdir /d && cat /proc/sys/kernel/random/uuid > /d/f',
        { code: 'NOT_REPRODUCIBLE', details: { path: 'd/f', change: 'content' } },
      ],
      [
        'names the time that differs',
        'RUN touch -d @$((1000000000 + $(cut -d. -f1 /proc/uptime) * 10 + $(date +%s) % 7)) /f; sleep 1',
        { code: 'NOT_REPRODUCIBLE', details: { path: 'f', change: 'time' } },
      ],
    ])('%s', async ([, run, expected]) => {
      await using builder = await openBuilder()
      const buildArgs = run.includes('touch') ? {} : { SOURCE_DATE_EPOCH: '0' }
      const built = builder.build(`FROM base\n${run}`, { verify: true, buildArgs })
      if (expected === undefined) expect((await built).images).toHaveLength(1)
      else await expect(built).rejects.toMatchObject(expected)
      expect(builder.leftovers()).toEqual([])
    })
  })

  it('keeps a failed step as an image with --on-error', async () => {
    await using builder = await openBuilder()
    const text = 'FROM base\nENV A=b\nWORKDIR /w\nRUN echo partial > f; false'
    await expect(builder.build(text, { onError: { kind: 'image', name: 'failed' } })).rejects.toMatchObject({
      code: 'RUN_FAILED',
    })
    const image = await builder.engine.images.find('failed', { os: 'linux', architecture: 'amd64' })
    expect(image?.config.config).toMatchObject({ WorkingDir: '/w', Cmd: ['/bin/sh', '-c', 'echo partial > f; false'] })
    expect(await builder.read({ images: [image!] } as never, '/w/f')).toBe('partial\n')
    expect(builder.leftovers()).toEqual([])
  })

  it('takes contexts from archives and named folders', async () => {
    await using builder = await openBuilder()
    builder.write({ Dockerfile: 'FROM scratch\nCOPY f /f\nCOPY --from=other g /g', f: 'inside\n' })
    const { execFileSync } = await import('node:child_process')
    const tar = execFileSync('tar', ['-cz', '-C', builder.folder, '.'])
    const other = join(builder.root, 'other')
    const { mkdirSync } = await import('node:fs')
    mkdirSync(other)
    writeFileSync(join(other, 'g'), 'other\n')
    const { file: _, ...none } = { file: undefined }
    const result = await builder.build('', {
      ...none,
      context: '-',
      stdin: async () => tar,
      file: 'Dockerfile',
      contexts: new Map([['other', other]]),
    })
    expect(await builder.read(result, '/f')).toBe('inside\n')
    expect(await builder.read(result, '/g')).toBe('other\n')
    expect(existsSync(join(builder.root, 'tmp'))).toBe(true)
    expect(builder.leftovers()).toEqual([])
  })
})
