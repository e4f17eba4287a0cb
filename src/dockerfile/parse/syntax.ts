/** The version of the Dockerfile syntax that this package implements. */
export const syntaxVersion = '1.26'

/** `served`: this package is that frontend. `newer`: it is, but an older version. `foreign`: another program. */
export type SyntaxMatch = 'served' | 'newer' | 'foreign'

const frontend = /(?:^|\/)docker\/dockerfile(?:-upstream)?(?::([\w][\w.-]*))?(?:@[\w+.-]+:[0-9a-fA-F]+)?$/

/** Says whether the image of a `syntax` directive is docker/dockerfile, on Docker Hub or any mirror, in any version or channel. */
export function matchesSyntaxDirective(image: string): SyntaxMatch {
  const match = frontend.exec(image)
  if (match === null) return 'foreign'
  const [major = 0, minor = 0] = (/^\d+(?:\.\d+)*/.exec(match[1] ?? '')?.[0] ?? '').split('.').map(Number)
  const [ownMajor = 0, ownMinor = 0] = syntaxVersion.split('.').map(Number)
  return major > ownMajor || (major === ownMajor && minor > ownMinor) ? 'newer' : 'served'
}
