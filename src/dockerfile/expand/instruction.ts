import type { CopySource, Instruction, KeyValue, Word } from '../ast.ts'
import type { Problem } from '../diagnostics.ts'
import type { Range } from '../source.ts'
import type { Environment } from './expand.ts'
import { expandWord, expandWords } from './expand.ts'

export interface LocatedProblem {
  readonly problem: Problem
  readonly range: Range
}

export interface ExpandedInstruction<I extends Instruction> {
  /**
   * The same instruction with every expanded text in place. Two kinds are left alone: ARG, whose defaults see each other, and
   * the mounts of RUN, which `evaluateMount` expands.
   */
  readonly instruction: I
  readonly used: ReadonlySet<string>
  readonly unset: ReadonlySet<string>
  readonly problems: readonly LocatedProblem[]
}

/** Applies `expansionRules` to one instruction: every text is expanded against the environment as it is before the instruction. */
export function expandInstruction<I extends Instruction>(
  instruction: I,
  environment: Environment,
  escape: '\\' | '`',
): ExpandedInstruction<I> {
  const expander = new Expander(environment, escape)
  const expanded = expander.expand(instruction)
  return { instruction: expanded as I, used: expander.used, unset: expander.unset, problems: expander.problems }
}

/** Collects what happens while one instruction is expanded. */
class Expander {
  readonly used = new Set<string>()
  readonly unset = new Set<string>()
  readonly problems: LocatedProblem[] = []
  readonly #environment: Environment
  readonly #escape: '\\' | '`'

  constructor(environment: Environment, escape: '\\' | '`') {
    this.#environment = environment
    this.#escape = escape
  }

  expand(instruction: Instruction): Instruction {
    switch (instruction.kind) {
      case 'from':
        return {
          ...instruction,
          image: this.#word(instruction.image),
          ...this.#optional('platform', instruction.platform),
        }
      case 'env':
      case 'label':
        return { ...instruction, pairs: instruction.pairs.map((pair) => this.#pair(pair)) }
      case 'copy':
        return { ...instruction, ...this.#transfer(instruction) }
      case 'add':
        return { ...instruction, ...this.#transfer(instruction), ...this.#optional('checksum', instruction.checksum) }
      case 'run':
        for (const { value } of instruction.mounts.flatMap(({ fields }) => fields))
          if (value !== undefined) this.#word(value)
        return instruction
      case 'expose':
        return { ...instruction, ports: instruction.ports.flatMap((port) => this.#words(port)) }
      case 'user':
        return { ...instruction, user: this.#word(instruction.user) }
      case 'workdir':
        return { ...instruction, path: this.#word(instruction.path) }
      case 'volume':
        return { ...instruction, paths: instruction.paths.map((path) => this.#word(path)) }
      case 'stopsignal':
        return { ...instruction, signal: this.#word(instruction.signal) }
      case 'arg':
      case 'cmd':
      case 'entrypoint':
      case 'shell':
      case 'healthcheck':
      case 'maintainer':
      case 'onbuild':
      case 'invalid':
        return instruction
    }
  }

  #transfer({ sources, destination, chown, chmod }: Extract<Instruction, { kind: 'copy' | 'add' }>) {
    return {
      sources: sources.map((source) => this.#source(source)),
      destination: this.#word(destination),
      ...this.#optional('chown', chown),
      ...this.#optional('chmod', chmod),
    }
  }

  #source(source: CopySource): CopySource {
    if (source.kind === 'path') return { kind: 'path', path: this.#word(source.path) }
    if (!source.heredoc.expand) return source
    const { value, ...rest } = expandWord(source.content, this.#environment, { literalQuotes: true })
    this.#note(rest, source.heredoc.contentRange)
    return { ...source, content: value }
  }

  #pair({ key, value, legacy }: KeyValue): KeyValue {
    return { key: this.#word(key), value: this.#word(value), legacy }
  }

  #word({ text, range }: Word): Word {
    const { value, ...rest } = expandWord(text, this.#environment, { escape: this.#escape })
    this.#note(rest, range)
    return { text: value, range }
  }

  #words({ text, range }: Word): Word[] {
    const { words, ...rest } = expandWords(text, this.#environment, { escape: this.#escape })
    this.#note(rest, range)
    return words.map((word) => ({ text: word, range }))
  }

  #optional<K extends string>(key: K, word: Word | undefined): Partial<Record<K, Word>> {
    return word === undefined ? {} : ({ [key]: this.#word(word) } as Record<K, Word>)
  }

  #note(
    { used, unset, error }: { used: readonly string[]; unset: readonly string[]; error?: Problem },
    range: Range,
  ): void {
    for (const name of used) this.used.add(name)
    for (const name of unset) this.unset.add(name)
    if (error !== undefined) this.problems.push({ problem: error, range })
  }
}
