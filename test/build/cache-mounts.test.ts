import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cannotBuild, openBuilder } from './builder.ts'

describe.skipIf(cannotBuild !== false)('cache mounts', () => {
  it('of another owner or mode are other caches', async () => {
    await using builder = await openBuilder()
    const result = await builder.build(`FROM base
RUN --mount=type=cache,target=/c stat -c '%a %u:%g' /c > /plain && touch /c/plain
RUN --mount=type=cache,target=/c,uid=5,gid=6,mode=0711 stat -c '%a %u:%g' /c > /owned && touch /c/owned
RUN --mount=type=cache,target=/c,uid=5,gid=6,mode=0711 ls /c >> /owned
RUN --mount=type=cache,id=/c,target=/d ls /d >> /plain`)
    expect(await builder.read(result, '/plain')).toBe('755 0:0\nplain\n')
    expect(await builder.read(result, '/owned')).toBe('711 5:6\nowned\n')
  })

  it('that start from a folder have its content, owner and mode', async () => {
    await using builder = await openBuilder()
    const mount = '--mount=type=cache,target=/c,from=start,source=/a/b'
    const result = await builder.build(`FROM base AS start
RUN mkdir -p /a/b && echo seed > /a/b/f && chown 7:8 /a/b && chmod 750 /a/b
FROM base
RUN ${mount},id=x cat /c/f > /out && stat -c '%a %u:%g' /c >> /out
RUN ${mount},id=y,uid=3,mode=0700 stat -c '%a %u:%g' /c >> /out`)
    expect(await builder.read(result, '/out')).toBe('seed\n750 7:8\n750 7:8\n')
  })

  it('are one where a step mounts them twice, also when they are not shared', async () => {
    await using builder = await openBuilder()
    for (const sharing of ['shared', 'locked', 'private']) {
      const mount = (target: string): string => `--mount=type=cache,id=${sharing},sharing=${sharing},target=${target}`
      const result = await builder.build(`FROM base
RUN ${mount('/a')} ${mount('/b')} echo x > /a/f && cp /b/f /out`)
      expect(await builder.read(result, '/out')).toBe('x\n')
    }
  })

  it('that are locked are taken in one order by all steps', async () => {
    await using builder = await openBuilder()
    const mount = (id: string): string => `--mount=type=cache,id=${id},sharing=locked,target=/${id}`
    const stage = (first: string, second: string): string =>
      `RUN ${mount(first)} ${mount(second)} sleep 0.1 && echo ${first} > /f`
    const result = await builder.build(`FROM base AS one
${stage('x', 'y')}
FROM base AS two
${stage('y', 'x')}
FROM base
COPY --from=one /f /one
COPY --from=two /f /two`)
    expect(await builder.read(result, '/two')).toBe('y\n')
  })

  it('of steps that are to ignore the cache start anew', async () => {
    await using builder = await openBuilder()
    const text = (more: string): string => `FROM base AS a
RUN --mount=type=cache,target=/c ls /c > /had && touch /c/f
FROM base AS b
RUN --mount=type=cache,id=other,target=/c ls /c > /had && touch /c/f${more}
FROM base
COPY --from=a /had /a
COPY --from=b /had /b`
    await builder.build(text(''))
    const filtered = await builder.build(text(' /c/g'), { noCache: ['a'] })
    expect(await builder.read(filtered, '/a')).toBe('')
    expect(await builder.read(filtered, '/b')).toBe('f\n')
    const all = await builder.build(text(''), { noCache: true })
    expect(await builder.read(all, '/b')).toBe('')
    expect(readdirSync(join(builder.root, 'caches'))).toHaveLength(2)
  })

  it('have the folder that is to be shown', async () => {
    await using builder = await openBuilder()
    const result = await builder.build(`FROM base
RUN --mount=type=cache,id=x,source=/one,target=/c touch /c/f
RUN --mount=type=cache,id=x,source=/two,target=/c ls /c > /two
RUN --mount=type=cache,id=x,target=/c cd /c && find . -type f > /all`)
    expect(await builder.read(result, '/two')).toBe('')
    expect(await builder.read(result, '/all')).toBe('./one/f\n')
  })
})
