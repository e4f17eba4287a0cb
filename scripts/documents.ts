/**
 * Writes the documents that come from code: docs/errors.md from the table of error codes, docs/cli/ from the definitions of the commands.
 * With --check it writes nothing and ends with status 1 when one is not as it should be.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCodes } from '../src/base/error-codes.ts'
import { commandGroups } from '../src/cli/command.ts'
import type { Command, CommandEntry } from '../src/cli/command.ts'
import { commandTable } from '../src/cli/command-table.ts'
import { flagSpelling, flagText } from '../src/cli/help.ts'
import { usageOf } from '../src/cli/parse.ts'

const home = join(import.meta.dirname, '..')
const notice = '<!-- Made by scripts/documents.ts from the code; do not edit. -->'
const documents = new Map([['docs/errors.md', errorsDocument()], ...(await commandDocuments())])

if (process.argv.includes('--check')) check()
else write()

function errorsDocument(): string {
  const source = readFileSync(join(home, 'src/base/error-codes.ts'), 'utf8')
  const sections = [...source.matchAll(/^ {2}\/\/ ── (.*?) ──$/gm)].map((match) => ({
    title: match[1]!,
    at: match.index,
  }))
  const rows = Object.entries(errorCodes).map(([code, { kind, meaning }]) => ({
    code,
    kind,
    meaning,
    at: source.search(new RegExp(`^ {2}${code}: `, 'm')),
  }))
  const parts = sections.map(({ title, at }, index) => {
    const end = sections[index + 1]?.at ?? source.length
    const lines = rows
      .filter((row) => row.at > at && row.at < end)
      .map(({ code, kind, meaning }) => `| \`${code}\` | ${kind} | ${meaning} |`)
    return `## ${title[0]!.toUpperCase()}${title.slice(1)}\n\n| code | kind | meaning |\n| --- | --- | --- |\n${lines.join('\n')}\n`
  })
  const intro = `Every error carries a stable code. It stands in brackets at the end of the message, and as \`code\` with \`--log-format json\`.
A code never changes its meaning; match on codes, not on messages.

| exit status | when |
| --- | --- |
| 0 | success |
| 1 | the command failed (a failed build step included) |
| 2 | the command line is wrong (kind \`usage\`) |
| 125, 126, 127 | \`run\`: tsbuild failed, the command cannot be executed, it was not found (\`exec\` shares the last two); every other status is the container's own |
| 130 | interrupted (kind \`cancelled\`) |
`
  return `${notice}\n\n# Errors\n\n${intro}\n${parts.join('\n')}`
}

async function commandDocuments(): Promise<readonly (readonly [string, string])[]> {
  const visible = commandTable.filter(({ hidden }) => !hidden)
  const pages = await Promise.all(
    visible.map(async (entry) => [pathOf(entry), commandDocument(entry, (await entry.load()).command)] as const),
  )
  return [['docs/cli/README.md', indexDocument(visible)], ...pages]
}

function indexDocument(entries: readonly CommandEntry[]): string {
  const sections = commandGroups.map((group) => {
    const rows = entries
      .filter((entry) => entry.group === group)
      .map((entry) => `| [${entry.name}](${fileOf(entry)}) | ${entry.summary} |`)
    return rows.length === 0 ? '' : `## ${group}\n\n| command | |\n| --- | --- |\n${rows.join('\n')}\n`
  })
  return `${notice}\n\n# Commands\n\n${sections.filter((section) => section !== '').join('\n')}`
}

function commandDocument(entry: CommandEntry, command: Command): string {
  const flags = Object.entries(command.flags).filter(([, flag]) => !flag.hidden)
  const parts = [
    `${notice}\n\n# tsbuild ${entry.name}`,
    entry.summary,
    `\`\`\`sh\ntsbuild ${entry.name} ${usageOf(command)}`.trimEnd() + '\n```',
  ]
  if (command.details !== undefined) parts.push(command.details.trim())
  if (entry.also !== undefined) parts.push(`Same as: ${entry.also.map((name) => `\`tsbuild ${name}\``).join(', ')}`)
  if (flags.length > 0) {
    const rows = flags.map(
      ([name, flag]) => `| \`${flagSpelling(name, flag).trim()}\` | ${flagText(flag).replaceAll('|', '\\|')} |`,
    )
    parts.push(`| flag | |\n| --- | --- |\n${rows.join('\n')}`)
  }
  if (command.examples !== undefined) parts.push(`\`\`\`sh\n${command.examples.join('\n')}\n\`\`\``)
  return `${parts.join('\n\n')}\n`
}

function fileOf(entry: CommandEntry): string {
  return `${entry.name.replaceAll(' ', '-')}.md`
}

function pathOf(entry: CommandEntry): string {
  return `docs/cli/${fileOf(entry)}`
}

function present(): readonly string[] {
  mkdirSync(join(home, 'docs/cli'), { recursive: true })
  return readdirSync(join(home, 'docs/cli')).map((name) => `docs/cli/${name}`)
}

function write(): void {
  for (const path of present()) if (!documents.has(path)) rmSync(join(home, path))
  for (const [path, text] of documents) writeFileSync(join(home, path), text)
}

function check(): void {
  const stale = [...documents].filter(([path, text]) => readOrEmpty(path) !== text).map(([path]) => path)
  const wrong = [...stale, ...present().filter((path) => !documents.has(path))]
  for (const path of wrong) process.stderr.write(`${path} does not follow from the code: npm run documents\n`)
  process.exitCode = wrong.length > 0 ? 1 : 0
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(join(home, path), 'utf8')
  } catch {
    return ''
  }
}
