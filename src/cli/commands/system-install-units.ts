import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { makeDirectories } from '../../base/make-directories.ts'
import { writeFileAtomic } from '../../base/atomic-file.ts'
import { embeddedCoreName } from '../../base/embedded.ts'
import { TsbuildError } from '../../base/errors.ts'
import { processOutput } from '../../base/process-output.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

const unitName = 'tsbuild-containers.service'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    directory: {
      kind: 'string',
      value: 'DIRECTORY',
      help: 'Where the unit goes (default: where systemd looks for it)',
      complete: 'directory',
    },
    program: {
      kind: 'string',
      value: 'FILE',
      help: 'The tsbuild that the unit calls (default: this one)',
      complete: 'file',
    },
    'no-enable': { kind: 'boolean', help: 'Only write the unit' },
  },
  details: 'Writes a systemd unit that starts the containers with a restart policy at boot, and enables it.',
  async run({ flags }, context) {
    const { settings, terminal } = context
    const { bootUnit } = await import('../container/boot-unit.ts')
    const directory = flags.directory ?? unitDirectory(settings.rootless, settings.env)
    const program = flags.program === undefined ? launcher() : resolve(settings.cwd, flags.program)
    if (program === undefined || !existsSync(program)) {
      throw new TsbuildError('FILE_UNREADABLE', `Cannot find the program for the unit`, {
        hint: 'Name it with --program',
      })
    }
    const path = join(directory, unitName)
    makeDirectories(directory)
    await writeFileAtomic(path, bootUnit({ program, root: settings.root, rootless: settings.rootless }))
    terminal.printLine(path)
    if (flags['no-enable'] || flags.directory !== undefined) return 0
    if (!existsSync('/run/systemd/system')) {
      terminal.say('systemd does not run here; "systemctl enable tsbuild-containers" does the rest where it does')
      return 0
    }
    const user = settings.rootless ? ['--user'] : []
    await processOutput('systemctl', [...user, 'daemon-reload'], { signal: context.signal })
    await processOutput('systemctl', [...user, 'enable', unitName], { signal: context.signal })
    return 0
  },
})

/** The single executable, or bin/tsbuild of the installation that this module belongs to, be it a clone or a package. */
function launcher(): string | undefined {
  if (embeddedCoreName !== '') return process.execPath
  for (let place = import.meta.dirname; place !== dirname(place); place = dirname(place)) {
    const program = join(place, 'bin/tsbuild')
    if (existsSync(program)) return program
  }
  return undefined
}

function unitDirectory(rootless: boolean, env: (name: string) => string | undefined): string {
  if (!rootless) return '/etc/systemd/system'
  return join(env('XDG_CONFIG_HOME') ?? join(env('HOME') ?? '/', '.config'), 'systemd/user')
}
