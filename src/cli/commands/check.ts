import { TsbuildError } from '../../base/errors.ts'
import type { CheckedFile } from '../check/check-file.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'GLOB', optional: true, many: true, complete: 'file' }],
  flags: {
    format: {
      kind: 'string',
      choices: ['text', 'json', 'sarif', 'github'],
      default: 'text',
      help: 'How the findings are printed',
    },
    strict: { kind: 'boolean', help: 'Warnings count: the exit status is 1' },
  },
  details:
    'Looks for mistakes in Dockerfiles without building. GLOB is a file, a folder or a pattern in quotes; without one all Dockerfiles below the working directory are checked, but for those that .gitignore names. The exit status is 1 when there is an error, or a finding in a file with "# check=error=true".',
  examples: [
    'tsbuild check',
    "tsbuild check 'services/**/Dockerfile'",
    'tsbuild check --format sarif > dockerfiles.sarif',
  ],
  async run({ flags, args }, context) {
    const { findDockerfiles } = await import('../check/find-dockerfiles.ts')
    const { checkFile } = await import('../check/check-file.ts')
    const { formatFindings } = await import('../check/format-findings.ts')
    const { cwd } = context.settings
    const { paths, problems } = await findDockerfiles(args, cwd)
    const files: CheckedFile[] = []
    for (const path of paths) {
      try {
        files.push(...(await checkFile(path, cwd, context.signal)))
      } catch (error) {
        if (!(error instanceof TsbuildError)) throw error
        problems.push(error)
      }
    }
    for (const problem of problems) context.report(problem)
    const { inRepository } = await import('../check/gitignore.ts')
    const forRepository = flags.format === 'sarif' || flags.format === 'github'
    const shown = forRepository ? files.map((file) => ({ ...file, filename: inRepository(file.filename, cwd) })) : files
    context.terminal.print(formatFindings(shown, flags.format))
    const counts = files.some(({ diagnostics }) =>
      diagnostics.some(({ severity }) => severity === 'error' || flags.strict),
    )
    return counts || problems.length > 0 ? 1 : 0
  },
})
