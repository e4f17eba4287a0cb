import { fileURLToPath } from 'node:url'
import { createNativeCore } from '../../src/host/native-client.ts'
import type { NativeCore } from '../../src/host/native.ts'

/** The native core under test: TSBUILD_CORE (a sanitizer build, say), else the one that `npm run build` makes. */
export const corePath: string =
  process.env['TSBUILD_CORE'] ?? fileURLToPath(new URL('../../native/build/tsbuild-core', import.meta.url))

export function testCore(): NativeCore {
  return createNativeCore(corePath)
}
