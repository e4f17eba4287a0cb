/** Flags of every registry command that writes. */
export const writeFlags = {
  'dry-run': { kind: 'boolean', help: 'Show what would be written, write nothing' },
  quiet: { kind: 'boolean', short: 'q', help: 'Show the digest only' },
} as const

/** docker's; loopback registries and those of the settings are reached without it. */
export const insecureFlag = {
  insecure: {
    kind: 'boolean',
    hidden: true,
    help: 'Allow plain http',
    ignored: 'insecure registries are configured',
  },
} as const

/** Of a command that makes a new image of one. */
export const targetFlag = {
  tag: {
    kind: 'string',
    short: 't',
    value: 'TARGET',
    also: ['target'],
    help: 'Where the result goes; SOURCE itself without it',
  },
} as const

export const platformFlag = {
  platform: {
    kind: 'string',
    value: 'OS/ARCH',
    help: "Platform of an index; this machine's without it",
    complete: 'platform',
  },
} as const

export const locationDetails =
  'A location is a name of a registry, store:NAME (the local store), oci:FOLDER[:TAG] (a layout), oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME].'
