/** Flags of every registry command that writes. */
export const writeFlags = {
  'dry-run': { kind: 'boolean', help: 'Show what would be written, write nothing' },
  quiet: { kind: 'boolean', short: 'q', help: 'Show the digest only' },
} as const

export const locationDetails =
  'A location is a name of a registry, store:NAME (the local store), oci:FOLDER[:TAG] (a layout), oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME].'
