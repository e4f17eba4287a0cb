import { TsbuildError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { compressionFlags, readCompression } from '../image/compression-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'IMAGE', many: true, complete: 'image' }],
  flags: {
    output: {
      kind: 'string',
      short: 'o',
      value: 'FILE',
      help: 'Write to FILE, or as a layout into a folder when it ends in a slash',
      complete: 'file',
    },
    format: {
      kind: 'string',
      choices: ['docker', 'oci', 'docker-archive', 'oci-archive', 'oci-dir'],
      default: 'docker',
      help: 'Kind of archive; "docker" is an OCI layout that docker reads, too',
    },
    platform: {
      kind: 'string',
      value: 'OS/ARCH',
      help: 'Only this platform of an image made for several',
      complete: 'platform',
    },
    ...compressionFlags,
    compression: { ...compressionFlags.compression, default: 'uncompressed' },
  },
  examples: ['tsbuild save -o basic-img.tar basic-img', 'tsbuild save basic-img | ssh host docker load'],
  async run({ flags, args: names }, context) {
    const { output } = flags
    if (output === undefined && context.terminal.isTty(1)) {
      throw new TsbuildError('USAGE', 'Cannot write an archive to a terminal', {
        hint: 'Name a file with -o, or pipe the output',
      })
    }
    const engine = await context.openEngine()
    const { save } = await import('../../engine/save.ts')
    const { openOutputFile } = await import('../../base/output-file.ts')
    const request = {
      names,
      format: flags.format.startsWith('oci') ? ('oci' as const) : ('docker' as const),
      compression: readCompression(flags),
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
    }
    if (output !== undefined && (output.endsWith('/') || flags.format === 'oci-dir')) {
      await save(engine, { ...request, to: { kind: 'folder', path: output } }, context)
    } else if (output === undefined) {
      await save(engine, { ...request, to: { kind: 'stream', stream: context.terminal.stdout } }, context)
    } else {
      await using file = await openOutputFile(output, context.signal)
      await save(engine, { ...request, to: { kind: 'stream', stream: file.stream } }, context)
      await file.keep()
    }
    return 0
  },
})
