import { sha256 } from '../oci/digest.ts'

/** The default network's interface on the host. Stores beside the usual one get names of their own, so that they do not meet. */
export function bridgeName({ root }: { readonly root: string }): string {
  if (root === '/var/lib/tsbuild') return 'tsbuild0'
  return `tsb-${sha256(root).slice('sha256:'.length, 'sha256:'.length + 8)}`
}
