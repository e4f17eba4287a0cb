/** Names and versions in the database of dpkg (`Package:`, `Version:`) or apk (`P:`, `V:`). */
export function parsePackages(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const paragraph of text.split(/\n\n+/)) {
    const field = (name: string): string | undefined => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(paragraph)?.[1]
    const name = field('Package') ?? field('P')
    const version = field('Version') ?? field('V')
    const installed = field('Status')
    if (name !== undefined && version !== undefined && (installed === undefined || installed.endsWith(' installed')))
      found.set(name, version)
  }
  return found
}
