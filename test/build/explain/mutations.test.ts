import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { builderPrune } from '../../../src/engine/builder-prune.ts'
import type { Explanation } from '../../../src/build/explain/explanation.ts'
import { cannotBuild, openBuilder } from '../builder.ts'
import type { BuildOptions, Builder } from '../builder.ts'

/** A linear congruential generator (Numerical Recipes): the seed alone decides a run. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const dockerfile = `FROM base AS lib
ARG LIB=1
RUN echo lib $LIB > /lib
FROM base
ENV MODE=fast
WORKDIR /work
COPY --chown=1:1 src /src
COPY one.txt two.txt /files/
RUN --mount=type=bind,source=mnt,target=/m cat /m*/a > /made
COPY --from=lib /lib /lib
USER 0
RUN echo end > /end
FROM os AS tools
RUN echo tools > /tools
FROM base
COPY --link --exclude=*.md src/b /b
RUN --mount=type=bind,from=tools,source=/tools,target=/t --mount=type=cache,id=store,target=/cache cat /t > /used
COPY --from=1 /end /end
`
/** What \`FROM os\` is. */
const os = 'FROM base\nRUN echo os > /os'

const files = {
  'src/a': 'a',
  'src/b/c': 'c',
  'src/b/d': 'd',
  'one.txt': '1',
  'two.txt': '2',
  'mnt/a': 'm',
  'mnt/b': 'n',
}
const contextFiles = Object.keys(files)

/** One change to the sources of a build, the build that has it, and what the reason must be. */
interface Mutation {
  readonly text: string
  readonly options: BuildOptions
  readonly expected: Partial<Explanation>
  /** Changes what is not the text's or the options'. */
  prepare?(): Promise<unknown>
  undo(): void | Promise<unknown>
}

const nothing = (): void => {}

function mutate(builder: Builder, pick: (below: number) => number): Mutation {
  const salt = `${pick(1_000_000)}`
  const file = contextFiles[pick(contextFiles.length)]!
  const path = join(builder.folder, file)
  const original = readFileSync(path)
  const edit = (from: string | RegExp, to: string, expected: Partial<Explanation>): Mutation => ({
    text: dockerfile.replace(from, to),
    options: {},
    expected,
    undo: nothing,
  })
  const choices: readonly (() => Mutation)[] = [
    () => {
      writeFileSync(path, `changed ${salt}`)
      return {
        text: dockerfile,
        options: {},
        expected: { kind: 'file', name: file, change: 'content' },
        undo: () => writeFileSync(path, original),
      }
    },
    () => {
      const added = join(builder.folder, 'src/b', `new-${salt}`)
      writeFileSync(added, salt)
      return {
        text: dockerfile,
        options: {},
        expected: { kind: 'file', name: `src/b/new-${salt}`, change: 'added' },
        undo: () => rmSync(added),
      }
    },
    () => {
      const removed = join(builder.folder, 'src/b/d')
      rmSync(removed)
      return {
        text: dockerfile,
        options: {},
        expected: { kind: 'file', name: 'src/b/d', change: 'removed' },
        undo: () => writeFileSync(removed, 'd'),
      }
    },
    () => {
      const { mode } = statSync(path)
      chmodSync(path, 0o600 + pick(8) * 8 + 1)
      return {
        text: dockerfile,
        options: {},
        expected: { kind: 'file', name: file, change: 'mode' },
        undo: () => chmodSync(path, mode),
      }
    },
    () => ({
      text: dockerfile,
      options: { buildArgs: { LIB: salt } },
      expected: { kind: 'variable', name: 'LIB' },
      undo: nothing,
    }),
    () => edit('ARG LIB=1', `ARG LIB=${salt}x`, { kind: 'variable', name: 'LIB' }),
    () => edit('MODE=fast', `MODE=${salt}`, { kind: 'variable', name: 'MODE' }),
    () => edit('MODE=fast', `MODE=fast NEW_${salt}=1`, { kind: 'variable', name: `NEW_${salt}` }),
    () => edit('echo end', `echo ${salt}`, { kind: 'setting', name: 'command' }),
    () => edit('--chown=1:1', `--chown=${pick(60_000) + 2}:1`, { kind: 'setting', name: 'owner' }),
    () => edit('/files/', `/files-${salt}/`, { kind: 'setting', name: 'destination' }),
    () =>
      edit('COPY one.txt two.txt', `COPY --chmod=${(0o400 + pick(0o7377)).toString(8)} one.txt two.txt`, {
        kind: 'setting',
        name: 'chmod',
      }),
    () => edit('WORKDIR /work', `WORKDIR /work-${salt}`, { kind: 'setting', name: 'working directory' }),
    () => edit('USER 0', `USER 0:${pick(60_000) + 1}`, { kind: 'setting', name: 'user' }),
    () => edit('target=/m ', `target=/m${salt} `, { kind: 'setting', name: 'mount 1' }),
    () => ({
      text: dockerfile,
      options: { hosts: [{ name: `h${salt}`, address: '10.0.0.1' }] },
      expected: { kind: 'setting', name: `host h${salt}` },
      undo: nothing,
    }),
    () => ({
      text: dockerfile,
      options: { buildArgs: { BUILDKIT_SANDBOX_HOSTNAME: `box${salt}` } },
      expected: { kind: 'setting', name: 'hostname' },
      undo: nothing,
    }),
    () => edit('*.md', `*.${salt}`, { kind: 'setting', name: 'exclude' }),
    () => edit('COPY --link ', 'COPY ', { kind: 'setting', name: 'link' }),
    () => edit('COPY one', 'COPY --parents one', { kind: 'setting', name: 'parents' }),
    () => edit('echo tools', `echo ${salt}`, { kind: 'setting', name: 'command' }),
    () => edit('source=/tools', 'source=/os', { kind: 'setting', name: 'mount 1' }),
    () => edit('id=store', `id=${salt}`, { kind: 'setting', name: 'mount 2' }),
    () => ({
      ...edit('RUN echo end', 'RUN --security=insecure echo end', { kind: 'setting', name: 'security' }),
      options: { allow: new Set(['security.insecure']) },
    }),
    () => ({
      text: dockerfile,
      options: {},
      expected: { kind: 'base' },
      prepare: () => builder.build(`${os} ${salt}`, { tags: ['os'] }),
      undo: () => builder.build(os, { tags: ['os'] }),
    }),
    () => ({
      text: dockerfile,
      options: {},
      expected: { kind: 'evicted' },
      prepare: () =>
        builderPrune(builder.engine, { all: false, filters: [] }, { signal: AbortSignal.timeout(150_000) }),
      undo: nothing,
    }),
    () => ({ text: dockerfile, options: { noCache: ['lib'] }, expected: { kind: 'no-cache' }, undo: nothing }),
  ]
  return choices[pick(choices.length)]!()
}

/** What was built once is in the cache and has no reason to run: such a mutation is undone, and another one taken. */
async function freshMutation(builder: Builder, pick: (below: number) => number, seen: Set<string>): Promise<Mutation> {
  while (true) {
    const mutation = mutate(builder, pick)
    const states = contextFiles.map((file) => stateOf(join(builder.folder, file)))
    const key = JSON.stringify([mutation.text, mutation.options, mutation.expected, states])
    if (mutation.prepare !== undefined || !seen.has(key)) {
      seen.add(key)
      await mutation.prepare?.()
      return mutation
    }
    await mutation.undo()
  }
}

function stateOf(path: string): string {
  return existsSync(path) ? `${statSync(path).mode} ${readFileSync(path, 'utf8')}` : 'gone'
}

const rounds = Number(process.env['EXPLAIN_ROUNDS'] ?? 24)
const seed = Number(process.env['EXPLAIN_SEED'] ?? 4242)

describe.skipIf(cannotBuild !== false)('explain', () => {
  it(
    `names the mutation in each of ${rounds} rounds (EXPLAIN_SEED=${seed})`,
    { timeout: 60_000 + rounds * 20_000 },
    async () => {
      await using first = await openBuilder()
      const { root, folder } = first
      first.write(files)
      const pick = generator(seed)
      const seen = new Set<string>()
      const outputs = [{ kind: 'none' }] as const
      await first.build(os, { tags: ['os'] })
      await first.build(dockerfile, { outputs })
      await first[Symbol.asyncDispose]()
      for (let round = 0; round < rounds; round++) {
        // One process each: what a process has used is not evicted while it lives.
        await using builder = await openBuilder({ root, folder })
        const mutation = await freshMutation(builder, pick, seen)
        const { record } = await builder.build(mutation.text, { ...mutation.options, outputs })
        await mutation.undo()
        const reasons = record.steps.flatMap(({ explanation }) => explanation ?? [])
        const place = `round ${round} of seed ${seed}: ${JSON.stringify(mutation.expected)}`
        expect(
          reasons.filter(({ kind }) => kind !== 'input'),
          place,
        ).not.toEqual([])
        for (const reason of reasons) {
          if (reason.kind !== 'input') expect(reason, place).toMatchObject(mutation.expected)
          else
            expect(
              record.steps.filter(({ name }) => reason.name?.endsWith(name)),
              place,
            ).not.toEqual([])
        }
        expect(
          record.steps.filter(({ state, explanation }) => state === 'cached' && explanation !== undefined),
          place,
        ).toEqual([])
        const back = await builder.build(dockerfile, { outputs })
        expect(builder.ran(back), place).toEqual([])
      }
    },
  )
})
