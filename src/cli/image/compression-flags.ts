import type { LayerCompression } from '../../image/packed-layers.ts'

/** Flags that decide how layers of our own leave the store. */
export const compressionFlags = {
  compression: {
    kind: 'string',
    choices: ['gzip', 'zstd', 'uncompressed'],
    default: 'gzip',
    help: 'How layers that were built here are compressed',
  },
  'compression-level': { kind: 'integer', value: 'LEVEL', help: 'Level of the compressor: gzip 1 to 9, zstd 1 to 22' },
  'force-compression': { kind: 'boolean', help: 'Compress layers anew that were pulled compressed otherwise' },
} as const

export function readCompression(flags: {
  readonly compression: 'gzip' | 'zstd' | 'uncompressed'
  readonly 'compression-level': number | undefined
  readonly 'force-compression': boolean
}): LayerCompression {
  const level = flags['compression-level']
  return {
    kind: flags.compression === 'uncompressed' ? 'none' : flags.compression,
    ...(level === undefined ? {} : { level }),
    ...(flags['force-compression'] ? { force: true } : {}),
  }
}
