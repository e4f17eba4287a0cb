import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { insecureFlag } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'MANIFEST_LIST' }, { name: 'MANIFEST', many: true }],
  flags: {
    amend: { kind: 'boolean', short: 'a', help: 'Add to a list that exists' },
    ...insecureFlag,
  },
  details:
    'The list is kept in the store until "manifest push" brings it to the registry. The images must be in a registry. "imagetools create" makes and pushes an index in one step.',
  examples: [
    'tsbuild manifest create registry.example.com/app:1 registry.example.com/app:1-amd64 registry.example.com/app:1-arm64',
    'tsbuild manifest annotate registry.example.com/app:1 registry.example.com/app:1-arm64 --variant v8',
    'tsbuild manifest push --purge registry.example.com/app:1',
  ],
  async run({ flags, args: [list = '', ...images] }, context) {
    const engine = await context.openEngine()
    const { manifestCreate } = await import('../../engine/manifest-list.ts')
    const name = await manifestCreate(engine, await engine.registry(), { list, images, amend: flags.amend }, context)
    context.terminal.printLine(`Created manifest list ${name}`)
    return 0
  },
})
