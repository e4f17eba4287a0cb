import { afterEach, beforeEach } from 'vitest'
import { OciRuntime, cgroupsOf, scratch, until } from './runtime-bundle.ts'
import type { Scratch } from './runtime-bundle.ts'

export interface OciTest {
  readonly own: Scratch
  readonly oci: OciRuntime
  /** Cgroups are named for containers: no two tests on a machine may have a name in common. */
  readonly id: string
}

/** Gives each test of the file a runtime of its own, a root and a name for its container, of which it leaves no cgroup. */
export function useOci(prefix: string, set: (test: OciTest) => void): void {
  let test: OciTest
  beforeEach(() => {
    const own = scratch()
    test = { own, oci: new OciRuntime(own), id: `${prefix}-${own.path.slice(-6)}` }
    set(test)
  })
  afterEach(async () => {
    test.oci.dispose()
    await until(() => cgroupsOf(test.id).length === 0, 'the end of its cgroups')
    test.own.dispose()
  })
}
