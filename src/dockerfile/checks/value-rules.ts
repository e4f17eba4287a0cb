import { didYouMean } from '../nearest.ts'
import { readPort } from '../values/port.ts'
import { classifySource } from '../values/transfer-source.ts'
import type { CheckInput, CheckRule, Finding } from './rule.ts'
import { everyInstruction, ruleUrl } from './rule.ts'

/** Whole name or one of its words between underscores. */
const secretName = /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i
const harmlessName = /(?:_|^)(?:public|file|version)(?:_|$)/i

/** Checks of values and variables. */
export const valueRules: readonly CheckRule[] = [
  {
    name: 'UndefinedVar',
    description: 'Variables should be defined before their use',
    url: ruleUrl('undefined-var'),
    *find({ analysis }) {
      for (const { baseKnown, instructions } of analysis.stages) {
        for (const { written, range, undefinedNames, knownNames } of instructions) {
          if (written.kind === 'expose') continue
          for (const name of undefinedNames) {
            const hint = didYouMean(name, knownNames, (option) => `$${option}`)
            // The unknown base image may set it; a name that is almost right is a typing error all the same.
            if (!baseKnown && hint === undefined) continue
            const message = `Usage of undefined variable '$${name}'`
            yield {
              message,
              range,
              hint: hint ?? `Declare it with ARG or ENV, or write "\\$${name}" for the text itself`,
              comments: written.comments,
            }
          }
        }
      }
    },
  },
  {
    name: 'WorkdirRelativePath',
    description:
      'Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes',
    url: ruleUrl('workdir-relative-path'),
    *find({ analysis }) {
      for (const { baseKnown, instructions } of analysis.stages) {
        for (const { written, expanded, range, workdirSet, undefinedNames } of instructions) {
          if (expanded.kind !== 'workdir' || workdirSet || expanded.path.text.startsWith('/')) continue
          if (!baseKnown && undefinedNames.length > 0) continue
          const path = expanded.path.text
          yield {
            message: `Relative workdir "${path}" can have unexpected results if the base image changes`,
            range,
            hint: 'Write an absolute path',
            comments: written.comments,
          }
        }
      }
    },
  },
  {
    name: 'SecretsUsedInArgOrEnv',
    description: 'Sensitive data should not be used in the ARG or ENV commands',
    url: ruleUrl('secrets-used-in-arg-or-env'),
    *find({ analysis }) {
      for (const { expanded, written, range } of everyInstruction(analysis)) {
        const names =
          expanded.kind === 'env'
            ? expanded.pairs.map(({ key }) => key.text)
            : expanded.kind === 'arg'
              ? expanded.args.map(({ name }) => name)
              : []
        for (const name of names) {
          if (!secretName.test(name) || harmlessName.test(name)) continue
          const message = `Do not use ARG or ENV instructions for sensitive data (${expanded.kind.toUpperCase()} "${name}")`
          yield { message, range, hint: 'Use "RUN --mount=type=secret,id=…"', comments: written.comments }
        }
      }
    },
  },
  {
    name: 'CopyIgnoredFile',
    description: 'Attempting to Copy file that is excluded by .dockerignore',
    url: ruleUrl('copy-ignored-file'),
    find: findIgnoredSources,
  },
  {
    name: 'ExposeProtoCasing',
    description: 'Protocol in EXPOSE instruction should be lowercase',
    url: ruleUrl('expose-proto-casing'),
    *find({ analysis }) {
      for (const { expanded, written } of everyInstruction(analysis)) {
        if (expanded.kind !== 'expose') continue
        for (const { text, range } of expanded.ports) {
          const port = readPort(text)
          if (!port.ok || !port.value.capitals) continue
          yield {
            message: `Defined protocol '${text}' in EXPOSE instruction should be lowercase`,
            range,
            hint: `Write "${text.toLowerCase()}"`,
            comments: written.comments,
          }
        }
      }
    },
  },
  {
    name: 'ExposeInvalidFormat',
    description:
      'IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release',
    url: ruleUrl('expose-invalid-format'),
    *find({ analysis }) {
      for (const { expanded, written } of everyInstruction(analysis)) {
        if (expanded.kind !== 'expose') continue
        for (const { text, range } of expanded.ports) {
          const port = readPort(text)
          if (!port.ok || !port.value.mapping) continue
          const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${text}'`
          yield {
            message,
            range,
            hint: `Write "EXPOSE ${text.split(':').at(-1)}"; publish with "run -p"`,
            comments: written.comments,
          }
        }
      }
    },
  },
]

/** Ignore files with exceptions are left alone: a hidden directory may still hold what is copied. */
function* findIgnoredSources({ analysis, options }: CheckInput): Iterable<Finding> {
  const { ignore } = options
  if (ignore === undefined || ignore.rules.length === 0 || ignore.rules.some(({ negate }) => negate)) return
  for (const { expanded, written } of everyInstruction(analysis)) {
    if (
      (expanded.kind !== 'copy' && expanded.kind !== 'add') ||
      (expanded.kind === 'copy' && expanded.from !== undefined)
    )
      continue
    for (const source of expanded.sources) {
      if (source.kind !== 'path') continue
      const { text, range } = source.path
      const kind = classifySource(text)
      if (!kind.ok || kind.value.kind !== 'local') continue
      const whole = /^[./]*$/.test(text)
      const rule = whole
        ? ignore.rules.find(({ pattern }) => /^\/?(?:\*|\*\*|\*\*\/\*)$/.test(pattern))
        : ignore.match(text).rule
      if (rule === undefined) continue
      const verb = expanded.kind === 'copy' ? 'Copy' : 'Add'
      const message = `Attempting to ${verb} file "${text}" that is excluded by ${rule.file.split('/').at(-1)}`
      yield {
        message,
        range,
        hint: `Line ${rule.line} of "${rule.file}", "${rule.pattern}", hides it`,
        comments: written.comments,
      }
    }
  }
}
