/** Names of Go's structs where they are not the JSON name with a capital. */
const special: Readonly<Record<string, string>> = {
  os: 'OS',
  'os.version': 'OSVersion',
  'os.features': 'OSFeatures',
  urls: 'URLs',
  rootfs: 'RootFS',
  diff_ids: 'DiffIDs',
  created_by: 'CreatedBy',
  empty_layer: 'EmptyLayer',
}

/**
 * A document whose members can also be asked for by the names that Go's structs have (`.Image.Config.User`, `.Manifest.Digest`), as
 * templates for docker's tools do. JSON shows the document as it was.
 */
export function withGoNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withGoNames)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([name, member]) => [name, withGoNames(member)] as const)
  const aliases = members
    .map(([name, member]) => [special[name] ?? capital(name), member] as const)
    .filter(([name]) => !Object.hasOwn(value, name))
  return Object.defineProperties(
    Object.fromEntries(members),
    Object.fromEntries(aliases.map(([name, member]) => [name, { value: member, enumerable: false }])),
  )
}

function capital(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1)
}
