import { TsbuildError } from '../../base/errors.ts'
import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails, writeFlags } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'IMAGE', many: true }],
  flags: {
    ...builderFlag,
    tag: { kind: 'string', short: 't', repeat: true, value: 'TARGET', help: 'Name of the new index' },
    append: { kind: 'boolean', help: 'Add to the index that the target is now' },
    annotation: { kind: 'string', repeat: true, value: 'NAME=VALUE', help: 'Set an annotation of the index' },
    'docker-format': { kind: 'boolean', help: 'Make a docker manifest list instead of an OCI index' },
    progress: {
      kind: 'string',
      hidden: true,
      value: 'MODE',
      help: 'Kind of progress display',
      ignored: 'there is one display',
    },
    'prefer-index': { kind: 'boolean', default: true, hidden: true, help: 'Make an index also of one image' },
    ...writeFlags,
  },
  details: `Images and indexes are joined; nothing is downloaded where the target's registry has it. ${locationDetails}`,
  examples: [
    'tsbuild imagetools create -t registry.example.com/app:1 registry.example.com/app:1-amd64 registry.example.com/app:1-arm64',
  ],
  async run({ flags, args: sources }, context) {
    const [first] = flags.tag
    if (first === undefined) throw new TsbuildError('USAGE', 'An index needs a name', { hint: 'Give one with -t' })
    const { registryIndexJoin } = await import('../../engine/registry-index.ts')
    const { runWrite } = await import('../registry/run-write.ts')
    const { pairs } = await import('../registry/pairs.ts')
    return runWrite(context, flags, (tools) =>
      registryIndexJoin(tools, {
        sources,
        onto: flags.append ? first : undefined,
        targets: flags.tag,
        family: flags['docker-format'] ? 'docker' : 'oci',
        annotations: pairs('annotation', flags.annotation),
        dryRun: flags['dry-run'],
      }),
    )
  },
})
