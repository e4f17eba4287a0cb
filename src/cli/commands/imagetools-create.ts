import { TsbuildError } from '../../base/errors.ts'
import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'IMAGE', many: true, optional: true }],
  flags: {
    ...builderFlag,
    tag: { kind: 'string', short: 't', repeat: true, value: 'TARGET', help: 'Name of the new index' },
    append: { kind: 'boolean', help: 'Add to the index that the target is now' },
    annotation: {
      kind: 'string',
      repeat: true,
      value: 'NAME=VALUE',
      help: 'Set an annotation of the index, or of its entries with manifest-descriptor[PLATFORM]: before it',
    },
    file: {
      kind: 'string',
      short: 'f',
      repeat: true,
      value: 'FILE',
      help: 'Take an image from a file that holds its descriptor, digest or name',
      complete: 'file',
    },
    platform: {
      kind: 'string',
      short: 'p',
      repeat: true,
      value: 'OS/ARCH',
      help: 'Take only these platforms',
      complete: 'platform',
    },
    'prefer-index': {
      kind: 'boolean',
      default: true,
      help: 'Make an index of a single image; --prefer-index=false copies it as it is',
    },
    'docker-format': { kind: 'boolean', help: 'Make a docker manifest list whatever the images are' },
    'metadata-file': {
      kind: 'string',
      value: 'FILE',
      help: 'Write what was made as JSON into a file',
      complete: 'file',
    },
    'dry-run': { kind: 'boolean', help: 'Show the index, write nothing' },
    quiet: { kind: 'boolean', short: 'q', help: 'Show the digest only' },
    progress: {
      kind: 'string',
      hidden: true,
      value: 'MODE',
      help: 'Kind of progress display',
      ignored: 'there is one display',
    },
  },
  details: `Images and indexes are joined; nothing is downloaded where the target's registry has it. A bare digest is one of the target's repository. The index is docker's where all images are docker's and nothing is annotated, else OCI's. ${locationDetails}`,
  examples: [
    'tsbuild imagetools create -t registry.example.com/app:1 registry.example.com/app:1-amd64 registry.example.com/app:1-arm64',
    'tsbuild imagetools create --dry-run --platform linux/arm64 registry.example.com/app:1',
  ],
  async run({ flags, args }, context) {
    const { readInputs } = await import('../registry/input-files.ts')
    const sources = [...(await readInputs(flags.file, context.signal)), ...args]
    if (sources.length === 0) throw new TsbuildError('USAGE', 'Cannot make an index of nothing: name images')
    if (flags.tag.length === 0 && (!flags['dry-run'] || flags.append))
      throw new TsbuildError('USAGE', 'An index needs a name', { hint: 'Give one with -t, or look with --dry-run' })
    const { settings, terminal } = context
    const { imagetoolsCreate, fullName } = await import('../../engine/imagetools-create.ts')
    const { parsePlatform } = await import('../../oci/platform.ts')
    const { indexAnnotations } = await import('../registry/annotation-flag.ts')
    const { runWrite } = await import('../registry/run-write.ts')
    let shown: Uint8Array | undefined
    let metadata: string | undefined
    const status = await runWrite(context, flags, async (tools) => {
      const { manifest, written } = await imagetoolsCreate(tools, {
        ...indexAnnotations(flags.annotation, settings.platform),
        sources,
        targets: flags.tag,
        append: flags.append,
        family: flags['docker-format'] ? 'docker' : undefined,
        platforms: flags.platform.map((text) => parsePlatform(text, settings.platform)),
        single: flags['prefer-index'] ? 'index' : 'image',
        dryRun: flags['dry-run'],
      })
      if (flags['dry-run']) shown = manifest.bytes
      metadata = JSON.stringify(
        {
          'containerimage.descriptor': manifest.descriptor,
          'containerimage.digest': manifest.descriptor.digest,
          'image.name': flags.tag.map(fullName).join(','),
        },
        undefined,
        2,
      )
      return written
    })
    if (shown !== undefined) terminal.print(Buffer.concat([shown, Buffer.from('\n')]))
    if (flags['metadata-file'] !== undefined && metadata !== undefined && !flags['dry-run']) {
      const { writeUserFile } = await import('../../base/user-file.ts')
      await writeUserFile(flags['metadata-file'], metadata, context.signal)
    }
    return status
  },
})
