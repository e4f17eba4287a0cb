import { unpackedCore } from './unpacked-core.ts'

/** The part of node:sea that gives what is inside the executable. */
interface Assets {
  getRawAsset(name: string): ArrayBuffer
}

/**
 * Path of the native core that the single executable carries: the kernel can only start a file, so it is written into the first folder
 * that takes it, once. `name` holds the core's digest, so that releases do not meet. NATIVE_MISSING when no folder takes it.
 */
export function embeddedCore(name: string, folders: readonly string[]): string {
  const content = new Uint8Array((process.getBuiltinModule('node:sea') as Assets).getRawAsset('tsbuild-core'))
  return unpackedCore({ name, content }, folders)
}
