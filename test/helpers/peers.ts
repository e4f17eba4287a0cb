/** Other programs to compare with, as the words of their command: `TSBUILD_TEST_DOCKER="docker"`. They are the developer's to provide. */
export const peerNames = ['docker', 'podman', 'skopeo', 'crane'] as const

export type Peer = (typeof peerNames)[number]

export function peerCommand(peer: Peer): readonly string[] | undefined {
  const words = (process.env[`TSBUILD_TEST_${peer.toUpperCase()}`] ?? '').split(' ').filter((word) => word !== '')
  return words.length > 0 ? words : undefined
}

/** Prints why a comparison does not happen; the test must still be skipped by its caller. */
export function explainSkip(peer: Peer): void {
  process.stderr.write(`skipped: comparison with ${peer}: TSBUILD_TEST_${peer.toUpperCase()} does not name it\n`)
}
