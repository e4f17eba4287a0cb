import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { writeFlags } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME' }, { name: 'FILE[:MEDIA-TYPE]', optional: true, many: true, complete: 'file' }],
  flags: {
    type: {
      kind: 'string',
      value: 'TYPE',
      default: 'application/vnd.unknown.artifact.v1',
      also: ['artifact-type'],
      help: 'Type of the artifact',
    },
    annotation: { kind: 'string', short: 'a', repeat: true, value: 'NAME=VALUE', help: 'Set an annotation' },
    standalone: { kind: 'boolean', help: 'Store it under NAME instead of attaching it to NAME' },
    ...writeFlags,
  },
  details: 'The artifact refers to NAME; `registry artifact list` shows it, a copy with --referrers takes it along.',
  examples: [
    'tsbuild registry artifact attach --type application/spdx+json registry.example.com/app:1 sbom.json:application/spdx+json',
  ],
  async run({ flags, args: [name = '', ...files] }, context) {
    const { registryArtifactAttach } = await import('../../engine/registry-artifact.ts')
    const { runWrite } = await import('../registry/run-write.ts')
    const { pairs } = await import('../registry/pairs.ts')
    const annotations = pairs('annotation', flags.annotation)
    return runWrite(context, flags, async (tools) => [
      await registryArtifactAttach(tools, {
        name,
        subject: !flags.standalone,
        type: flags.type,
        files: files.map(readFileArgument),
        annotations,
        dryRun: flags['dry-run'],
      }),
    ])
  },
})

/** A colon before a word with a slash begins the media type: paths may have colons of their own. */
function readFileArgument(text: string): { readonly path: string; readonly mediaType: string } {
  const match = /^(.+):([a-z0-9]+\/[A-Za-z0-9.+_-]+)$/.exec(text)
  return { path: match?.[1] ?? text, mediaType: match?.[2] ?? 'application/octet-stream' }
}
