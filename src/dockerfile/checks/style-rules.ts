import type { Comment, Instruction } from '../ast.ts'
import type { CheckRule, Finding } from './rule.ts'
import { everyInstruction, ruleUrl } from './rule.ts'

/** Checks of how instructions are written. */
export const styleRules: readonly CheckRule[] = [
  {
    name: 'NoEmptyContinuation',
    description: 'Empty continuation lines will become errors in a future release',
    url: ruleUrl('no-empty-continuation'),
    *find({ parsed }) {
      for (const { emptyLines } of parsed.instructions) {
        const [range] = emptyLines
        if (range !== undefined)
          yield { message: 'Empty continuation line', range, hint: 'Remove the line, or make it a comment' }
      }
    },
  },
  {
    name: 'ConsistentInstructionCasing',
    description: 'All commands within the Dockerfile should use the same casing (either upper or lower)',
    url: ruleUrl('consistent-instruction-casing'),
    *find({ parsed }) {
      const keywords = parsed.stages
        .flatMap(({ from, instructions }) => [from, ...instructions])
        .map(({ keyword }) => keyword)
      const lower = keywords.filter(({ text }) => text === text.toLowerCase()).length
      const upper = keywords.filter(({ text }) => text === text.toUpperCase() && text !== text.toLowerCase()).length
      for (const { text, range } of keywords) {
        const wanted = lower > upper ? text.toLowerCase() : text.toUpperCase()
        if (text === wanted) continue
        const casing = lower > upper ? 'lowercase' : 'uppercase'
        yield {
          message: `Command '${text}' should match the case of the command majority (${casing})`,
          range,
          hint: `Write "${wanted}"`,
        }
      }
    },
  },
  {
    name: 'JSONArgsRecommended',
    description: 'JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals',
    url: ruleUrl('json-args-recommended'),
    *find({ analysis }) {
      for (const { written, range, shellSet } of everyInstruction(analysis)) {
        if (
          (written.kind !== 'cmd' && written.kind !== 'entrypoint') ||
          written.command.form === 'exec' ||
          shellSet === true
        )
          continue
        const name = written.keyword.text
        const message = `JSON arguments recommended for ${name} to prevent unintended behavior related to OS signals`
        yield {
          message,
          range,
          hint: `Write '${name} ["program", "argument"]', or say with SHELL that a shell is meant`,
          comments: written.comments,
        }
      }
    },
  },
  {
    name: 'LegacyKeyValueFormat',
    description: 'Legacy key/value format with whitespace separator should not be used',
    url: ruleUrl('legacy-key-value-format'),
    *find({ analysis }) {
      for (const { written, range } of everyInstruction(analysis)) {
        if ((written.kind !== 'env' && written.kind !== 'label') || written.pairs[0]?.legacy !== true) continue
        const name = written.keyword.text
        yield {
          message: `"${name} key=value" should be used instead of legacy "${name} key value" format`,
          range,
          comments: written.comments,
        }
      }
    },
  },
  {
    name: 'MaintainerDeprecated',
    description: 'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
    url: ruleUrl('maintainer-deprecated'),
    *find({ parsed }) {
      for (const instruction of parsed.instructions) {
        if (instruction.kind !== 'maintainer') continue
        const { range, comments, name } = instruction
        const hint = `Write 'LABEL org.opencontainers.image.authors="${name.text.replace(/^"|"$/g, '')}"'`
        yield { message: 'Maintainer instruction is deprecated in favor of using label', range, hint, comments }
      }
    },
  },
  {
    name: 'MultipleInstructionsDisallowed',
    description: 'Multiple instructions of the same type should not be used in the same stage',
    url: ruleUrl('multiple-instructions-disallowed'),
    *find({ analysis }) {
      for (const { instructions } of analysis.stages) {
        const last = new Map<string, (typeof instructions)[number]>()
        for (const facts of instructions) {
          const { kind, keyword } = facts.written
          if (kind !== 'cmd' && kind !== 'entrypoint' && kind !== 'healthcheck') continue
          const earlier = last.get(kind)
          last.set(kind, facts)
          if (earlier === undefined) continue
          const message = `Multiple ${keyword.text} instructions should not be used in the same stage because only the last one will be used`
          yield {
            message,
            range: earlier.range,
            related: [{ message: 'this one is used', range: facts.range }],
            comments: facts.written.comments,
          }
        }
      }
    },
  },
  {
    name: 'InvalidDefinitionDescription',
    description:
      'Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.',
    url: ruleUrl('invalid-definition-description'),
    experimental: true,
    *find({ parsed }) {
      for (const instruction of parsed.instructions) {
        const names = definedNames(instruction)
        const comment = instruction.comments.at(-1)
        if (names.length > 0 && comment !== undefined) yield* describeFinding(instruction, names, comment)
      }
    },
  },
]

function definedNames(instruction: Instruction): readonly string[] {
  if (instruction.kind === 'arg') return instruction.args.map(({ name }) => name)
  return instruction.kind === 'from' && instruction.as !== undefined ? [instruction.as.name] : []
}

function* describeFinding(instruction: Instruction, names: readonly string[], comment: Comment): Iterable<Finding> {
  if (names.includes(comment.text.split(' ', 1)[0] ?? '')) return
  const shown = names.length > 1 ? '<arg_key>' : names[0]
  yield {
    message: `Comment for ${instruction.kind.toUpperCase()} should follow the format: \`# ${shown} <description>\``,
    range: comment.range,
    comments: instruction.comments,
  }
}
