import { TsbuildError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { writeAll } from '../write-all.ts'
import { locationDetails, platformFlag } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'SOURCE' }],
  flags: {
    output: { kind: 'string', short: 'o', value: 'FILE', help: 'Write to FILE instead of stdout', complete: 'file' },
    path: { kind: 'string', value: 'PATH', help: "Only this file's content" },
    ...platformFlag,
  },
  details: `The layers are merged on their way; nothing is unpacked and no root rights are needed. ${locationDetails}`,
  examples: [
    'tsbuild registry export -o rootfs.tar debian:bookworm',
    'tsbuild registry export --path /etc/os-release debian:bookworm',
  ],
  async run({ flags, args: [source = ''] }, context) {
    const { stdout } = context.terminal
    if (flags.output === undefined && flags.path === undefined && stdout.isTTY === true) {
      throw new TsbuildError('USAGE', 'Cannot write an archive to a terminal', {
        hint: 'Name a file with -o, or pipe the output',
      })
    }
    const { registryExport } = await import('../../engine/registry-export.ts')
    const { parsePlatform } = await import('../../oci/platform.ts')
    const { openLocationTools } = await import('../registry/location-tools.ts')
    const { openOutputFile } = await import('../../base/output-file.ts')
    await using opened = await openLocationTools(context, context.emit)
    const own = context.settings.platform
    const platform = flags.platform === undefined ? own : parsePlatform(flags.platform, own)
    const chunks = await registryExport(opened.tools, { source, platform, path: flags.path })
    if (flags.output === undefined) {
      for await (const chunk of chunks) await writeAll(stdout, chunk)
      return 0
    }
    await using file = await openOutputFile(flags.output, context.signal)
    const { pipeline } = await import('node:stream/promises')
    await pipeline(chunks, file.stream)
    await file.keep()
    return 0
  },
})
