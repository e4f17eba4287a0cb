import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'MANIFEST_LIST' }, { name: 'MANIFEST' }],
  flags: {
    arch: { kind: 'string', value: 'ARCH', help: 'Architecture of the image' },
    os: { kind: 'string', value: 'OS', help: 'Operating system of the image' },
    'os-features': { kind: 'string', repeat: true, value: 'FEATURE', help: 'Features of the system that it needs' },
    'os-version': { kind: 'string', value: 'VERSION', help: 'Version of the system that it is made for' },
    variant: { kind: 'string', value: 'VARIANT', help: 'Variant of the architecture' },
  },
  details: 'Changes what the list says of an image; the image itself stays as it is.',
  examples: [
    'tsbuild manifest annotate registry.example.com/app:1 registry.example.com/app:1-arm --arch arm --variant v7',
  ],
  async run({ flags, args: [list = '', image = ''] }, context) {
    const engine = await context.openEngine()
    const { manifestAnnotate } = await import('../../engine/manifest-list.ts')
    const features = flags['os-features'].flatMap((text) => text.split(','))
    manifestAnnotate(engine, {
      list,
      image,
      platform: {
        ...(flags.arch === undefined ? {} : { architecture: flags.arch }),
        ...(flags.os === undefined ? {} : { os: flags.os }),
        ...(flags['os-version'] === undefined ? {} : { 'os.version': flags['os-version'] }),
        ...(features.length === 0 ? {} : { 'os.features': features }),
        ...(flags.variant === undefined ? {} : { variant: flags.variant }),
      },
    })
    return 0
  },
})
