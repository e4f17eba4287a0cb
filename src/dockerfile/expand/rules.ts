import type { InstructionKind } from '../ast.ts'

/**
 * How a field is expanded.
 * - `word`: one value; quotes and escapes are resolved
 * - `words`: split at white space after expansion
 * - `content`: a heredoc's body, when its mark is not quoted; quotes stay, the backslash escapes whatever the escape directive says
 * - `mount`: every value of a `--mount` but `from`, at the time the instruction runs
 */
export type ExpansionKind = 'word' | 'words' | 'content' | 'mount'

export interface ExpansionRule {
  /** The field of the instruction, with a dot for a part of each element. */
  readonly field: string
  readonly how: ExpansionKind
}

/** Which variables are seen. `global`: ARGs in front of the first FROM and the platform arguments; `stage`: what ENV and ARG of the stage and the base image set so far. */
export type ExpansionScope = 'global' | 'stage'

export interface InstructionExpansion {
  readonly scope: ExpansionScope
  /**
   * `before`: every field is expanded before any effect, so `ENV X=new Y=$X` uses the old X.
   * `sequential`: each element sees the ones in front of it, so `ARG A=1 B=$A` gives B the value 1.
   */
  readonly order: 'before' | 'sequential'
  readonly fields: readonly ExpansionRule[]
}

const word = (...fields: readonly string[]): readonly ExpansionRule[] => fields.map((field) => ({ field, how: 'word' }))
const inStage = (...fields: readonly ExpansionRule[]): InstructionExpansion => ({
  scope: 'stage',
  order: 'before',
  fields,
})
const none: InstructionExpansion = inStage()

/**
 * What BuildKit expands in each instruction. Everything else stays as written: stage names, ARG names, `COPY --from` and
 * `--exclude`, flags of RUN but mounts, commands (their shell expands), SHELL, HEALTHCHECK, MAINTAINER, ONBUILD (its trigger is expanded when it runs).
 */
export const expansionRules: Readonly<Record<InstructionKind, InstructionExpansion>> = {
  from: { scope: 'global', order: 'before', fields: word('image', 'platform') },
  arg: { scope: 'stage', order: 'sequential', fields: word('args.default') },
  env: inStage(...word('pairs.key', 'pairs.value')),
  label: inStage(...word('pairs.key', 'pairs.value')),
  copy: inStage(...word('chown', 'chmod', 'sources.path', 'destination'), { field: 'sources.content', how: 'content' }),
  add: inStage(...word('chown', 'chmod', 'checksum', 'sources.path', 'destination'), {
    field: 'sources.content',
    how: 'content',
  }),
  run: inStage({ field: 'mounts', how: 'mount' }),
  expose: inStage({ field: 'ports', how: 'words' }),
  user: inStage(...word('user')),
  workdir: inStage(...word('path')),
  volume: inStage(...word('paths')),
  stopsignal: inStage(...word('signal')),
  cmd: none,
  entrypoint: none,
  shell: none,
  healthcheck: none,
  maintainer: none,
  onbuild: none,
  invalid: none,
}
