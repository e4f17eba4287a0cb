import type { Instruction, RunInstruction, Word } from '../ast.ts'
import type { Range } from '../source.ts'
import { parseImageName } from '../values/image-name.ts'
import type { CheckRule } from './rule.ts'

const largeContext = 100 * 1000 * 1000

/** Shapes of well-known credentials. */
const credentials: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  { what: 'an AWS access key', pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/ },
  { what: 'a GitHub token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60})/ },
  { what: 'a GitLab token', pattern: /\bglpat-[A-Za-z0-9_-]{20}/ },
  { what: 'a Slack token', pattern: /\bxox[abprs]-[A-Za-z0-9-]{10}/ },
  { what: 'an npm token', pattern: /\bnpm_[A-Za-z0-9]{36}\b/ },
  { what: 'a Google API key', pattern: /\bAIza[0-9A-Za-z_-]{35}/ },
  { what: 'a Stripe key', pattern: /\b[rs]k_live_[0-9A-Za-z]{20}/ },
  { what: 'a private key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----/ },
  { what: 'a signed token', pattern: /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+/ },
  { what: 'a password in a URL', pattern: /:\/\/[^/\s:@]+:[^/\s:@$]+@/ },
]

const aptInstall = /(?<![-\w])apt(?:-get)?\s+(?:-\S+\s+)*install\b([^;&|]*)/
const aptUpdate = /(?<![-\w])apt(?:-get)?\s+(?:-\S+\s+)*update\b/

/** Checks that BuildKit does not have. */
export const ownRules: readonly CheckRule[] = [
  {
    name: 'TrailingComment',
    description: 'A "#" behind an instruction does not start a comment, it is part of the arguments',
    own: true,
    *find({ parsed }) {
      for (const instruction of parsed.instructions) {
        const range = trailingComment(instruction)
        if (range === undefined) continue
        const message = `"#" is part of the arguments of ${instruction.keyword.text.toUpperCase()}, not the start of a comment`
        yield { message, range, hint: 'Put the comment on a line of its own above', comments: instruction.comments }
      }
    },
  },
  {
    name: 'BrokenJSONForm',
    description: 'Arguments that look like a JSON array but are none are given to a shell as they are',
    own: true,
    *find({ parsed }) {
      for (const instruction of parsed.instructions) {
        if (!('command' in instruction) || instruction.command.form === 'exec') continue
        const { text, range } = instruction.command.line
        if (
          !/^\[\s*["'“‘].*["'”’]\s*,?\s*\]\s*(?:#.*)?$/s.test(text) ||
          (instruction.kind === 'run' && !/["'”’]\s*,/.test(text))
        )
          continue
        yield {
          message: `${instruction.keyword.text.toUpperCase()} has no valid JSON array, so the text goes to the shell`,
          range,
          hint: 'JSON wants double quotes around each element, commas between them, and nothing behind the bracket',
          comments: instruction.comments,
        }
      }
    },
  },
  {
    name: 'AptGetInstallWithoutUpdate',
    description:
      'apt-get install needs an apt-get update in the same RUN: the lists of an earlier layer may be old or gone',
    own: true,
    *find({ parsed }) {
      for (const instruction of parsed.instructions) {
        if (instruction.kind !== 'run' || instruction.command.form === 'exec' || keepsAptLists(instruction)) continue
        const script = [instruction.command.line.text, ...instruction.heredocs.map(({ content }) => content)].join('\n')
        const [, packages] = aptInstall.exec(script) ?? []
        // A path is a package of the image itself; "--update" fetches the lists.
        if (packages === undefined || aptUpdate.test(script) || /\s(?:\.{0,2}\/\S|--update|-U\b)/.test(packages))
          continue
        const message = '"apt-get install" runs without "apt-get update" in the same RUN'
        yield {
          message,
          range: instruction.command.line.range,
          hint: 'Write "RUN apt-get update && apt-get install …"',
          comments: instruction.comments,
        }
      }
    },
  },
  {
    name: 'UnpinnedBaseImage',
    description: 'A base image without a tag, or with the tag "latest", changes from build to build',
    own: true,
    *find({ analysis }) {
      for (const { stage, base } of analysis.stages) {
        if (base.kind !== 'image') continue
        const parts = parseImageName(base.name)
        if ('message' in parts || parts.digest !== undefined || (parts.tag !== undefined && parts.tag !== 'latest'))
          continue
        const what = parts.tag === undefined ? 'has no tag' : 'has the tag "latest"'
        yield {
          message: `Base image "${base.name}" ${what}, so it can change with every build`,
          range: stage.from.image.range,
          hint: 'Name a version, or a digest',
          comments: stage.from.comments,
        }
      }
    },
  },
  {
    name: 'SecretValue',
    description: 'A credential in ARG or ENV stays in the image and its history',
    own: true,
    *find({ parsed }) {
      for (const instruction of parsed.instructions) {
        for (const { name, value } of assignedValues(instruction)) {
          const found = credentials.find(({ pattern }) => pattern.test(value.text))
          if (found === undefined) continue
          const message = `${instruction.kind.toUpperCase()} "${name}" holds what looks like ${found.what}`
          yield {
            message,
            range: value.range,
            hint: 'Revoke it, then use "RUN --mount=type=secret,id=…"',
            comments: instruction.comments,
          }
        }
      }
    },
  },
  {
    name: 'LargeContext',
    description: 'A big build context takes long to read and easily changes',
    own: true,
    *find({ options: { contextUsage } }) {
      if (contextUsage === undefined || contextUsage.bytes <= largeContext) return
      const biggest = contextUsage.directories.toSorted((a, b) => b.bytes - a.bytes).slice(0, 3)
      const start = { offset: 0, line: 1, column: 1 }
      yield {
        message: `Build context has ${megabytes(contextUsage.bytes)}; biggest are ${biggest.map(({ path, bytes }) => `"${path}" (${megabytes(bytes)})`).join(', ')}`,
        range: { start, end: start },
        hint: 'List what is not needed in .dockerignore',
      }
    },
  },
]

/** With a cache mount the lists outlive the layer. */
function keepsAptLists({ mounts }: RunInstruction): boolean {
  return mounts.some(({ fields }) => fields.some(({ value }) => value?.text.startsWith('/var/lib/apt') === true))
}

/** The place of a `#` that was meant as a comment. In the shell form the shell takes it for one, so RUN, CMD and ENTRYPOINT are fine there. */
function trailingComment(instruction: Instruction): Range | undefined {
  switch (instruction.kind) {
    case 'copy':
    case 'add': {
      const words = [
        ...instruction.sources.flatMap((source) => (source.kind === 'path' ? [source.path] : [])),
        instruction.destination,
      ]
      return words.find(({ text }) => text === '#')?.range
    }
    case 'volume':
      return instruction.paths.find(({ text }) => text.startsWith('#'))?.range
    case 'arg':
      return instruction.args.find(({ name }) => name.startsWith('#'))?.range
    case 'workdir':
      return inText(instruction.path)
    case 'user':
      return inText(instruction.user)
    case 'maintainer':
      return inText(instruction.name)
    case 'env':
    case 'label':
      return instruction.pairs[0]?.legacy === true ? inText(instruction.pairs[0].value) : undefined
    default:
      return undefined
  }
}

function inText({ text, range }: Word): Range | undefined {
  return /\s#(?:\s|$)/.test(text) ? range : undefined
}

function assignedValues(instruction: Instruction): readonly { readonly name: string; readonly value: Word }[] {
  if (instruction.kind === 'env') return instruction.pairs.map(({ key, value }) => ({ name: key.text, value }))
  if (instruction.kind !== 'arg') return []
  return instruction.args.flatMap(({ name, default: value }) => (value === undefined ? [] : [{ name, value }]))
}

function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`
}
