import { commandGroups } from './command.ts'
import type { Command, CommandEntry, Flag, Flags } from './command.ts'
import { globalFlags } from './global-flags.ts'
import { usageOf } from './parse.ts'

/** `tsbuild --help`, or `tsbuild container --help` when `group` is a management word. */
export function tableHelp(table: readonly CommandEntry[], group: string): string {
  return group === '' ? globalHelp(table) : groupHelp(table, group)
}

function globalHelp(table: readonly CommandEntry[]): string {
  const sections = commandGroups.flatMap((group) => {
    const rows = table.filter((entry) => entry.group === group && !entry.hidden)
    return rows.length === 0 ? [] : [`${group}:\n${columns(rows.map(({ name, summary }) => [name, summary]))}`]
  })
  return [
    'Build, push, pull and run container images, without a daemon',
    'Usage: tsbuild [flags] COMMAND\n       tsbuild [build flags] PATH',
    ...sections,
    `Flags:\n${flagRows(globalFlags)}`,
    '"tsbuild COMMAND --help" tells more about a command.\n',
  ].join('\n\n')
}

function groupHelp(table: readonly CommandEntry[], group: string): string {
  const rows = table.flatMap((entry) => {
    const spelling = [entry.name, ...(entry.also ?? [])].find((name) => name.startsWith(`${group} `))
    return spelling === undefined || entry.hidden ? [] : [[spelling.slice(group.length + 1), entry.summary] as const]
  })
  return `Usage: tsbuild ${group} COMMAND\n\nCommands:\n${columns(rows)}\n\n"tsbuild ${group} COMMAND --help" tells more about a command.\n`
}

/** Help of one command; `name` is the spelling that was typed. */
export function commandHelp(entry: CommandEntry, command: Command, name: string): string {
  const spellings = [entry.name, ...(entry.also ?? [])].map((spelling) => `tsbuild ${spelling}`)
  const parts = [entry.summary, `Usage: ${name} ${usageOf(command)}`.trimEnd()]
  if (command.details !== undefined) parts.push(command.details.trim())
  if (spellings.length > 1) parts.push(`Same as: ${spellings.filter((spelling) => spelling !== name).join(', ')}`)
  if (Object.values(command.flags).some((flag) => !flag.hidden)) parts.push(`Flags:\n${flagRows(command.flags)}`)
  if (command.examples !== undefined) parts.push(`Examples:\n${command.examples.map((line) => `  ${line}`).join('\n')}`)
  return `${parts.join('\n\n')}\n`
}

function flagRows(flags: Flags): string {
  const visible = Object.entries(flags).filter(([, flag]) => !flag.hidden)
  return columns(visible.map(([name, flag]) => [flagSpelling(name, flag), flagText(flag)]))
}

/** `-p, --publish list`. */
export function flagSpelling(name: string, flag: Flag): string {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `
  const value = flag.kind === 'boolean' ? '' : ` ${flag.value ?? flag.kind}`
  return `${short}--${name}${flag.bare === undefined ? value : `[=${value.trim()}]`}`
}

/** The help line with what else is known of the flag. */
export function flagText(flag: Flag): string {
  const notes: string[] = []
  if (flag.choices !== undefined) notes.push(`one of ${flag.choices.join(', ')}`)
  if (flag.repeat) notes.push('may be repeated')
  if (flag.default !== undefined && flag.default !== false && flag.default !== '') notes.push(`default ${flag.default}`)
  if (flag.env !== undefined) notes.push(`variable ${flag.env}`)
  if (flag.ignored !== undefined) notes.push(`no effect: ${flag.ignored}`)
  return notes.length === 0 ? flag.help : `${flag.help} (${notes.join('; ')})`
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd()).join('\n')
}
