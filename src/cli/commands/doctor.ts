import { printableLine } from '../../base/printable.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    format: { kind: 'string', value: 'template', help: 'Go template for each finding, or "json"' },
  },
  details: 'Ends with 1 when something is missing without which images cannot be built or run.',
  async run({ flags }, { settings, signal, terminal }) {
    const { doctor } = await import('../../engine/doctor.ts')
    const findings = await doctor(settings, signal)
    const status = findings.some(({ state }) => state === 'broken') ? 1 : 0
    if (flags.format !== undefined) {
      const { formatValues } = await import('../../ui/format-value.ts')
      const named = findings.map(({ name, state, detail, advice }) => ({
        Name: name,
        State: state,
        Detail: detail,
        Advice: advice ?? '',
      }))
      terminal.print(formatValues(flags.format, named))
      return status
    }
    const { createStyle } = await import('../../ui/style.ts')
    const { bold, green, red, yellow } = createStyle(terminal.isTty(1) && terminal.colour)
    const marks = { good: green('ok     '), limited: yellow('limited'), broken: red('broken ') }
    for (const { name, state, detail, advice } of findings) {
      terminal.printLine(`${marks[state]}  ${bold(name)}: ${printableLine(detail)}`)
      if (advice !== undefined) terminal.printLine(`         ${advice}`)
    }
    return status
  },
})
