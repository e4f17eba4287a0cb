import { runnableArchitectures } from '../../build/ops/emulator.ts'
import { formatPlatform } from '../../oci/platform.ts'
import type { Platform } from '../../oci/types.ts'

/** Platforms whose RUN steps work here. */
export function builderPlatforms(host: Platform): readonly string[] {
  return runnableArchitectures(host.architecture).map((architecture) =>
    architecture === host.architecture ? formatPlatform(host) : `${host.os}/${architecture}`,
  )
}
