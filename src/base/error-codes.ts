/**
 * What went wrong, seen by a program. The kind decides the exit code of the command line and the HTTP status of an API:
 * `usage` 2 (125 for container verbs), everything else 1 (125 for container verbs), `cancelled` 130.
 */
export type ErrorKind =
  | 'usage'
  | 'notFound'
  | 'exists'
  | 'invalid'
  | 'denied'
  | 'conflict'
  | 'unavailable'
  | 'cancelled'
  | 'internal'

/**
 * Every stable error code: its kind and what it means. `docs/errors.md` is generated from this table.
 * A code is never reused for another meaning; people and scripts match on it.
 */
export const errorCodes = {
  // ── general ──
  INTERNAL: { kind: 'internal', meaning: 'A defect of tsbuild itself' },
  CANCELLED: { kind: 'cancelled', meaning: 'The command was interrupted' },
  USAGE: { kind: 'usage', meaning: 'A flag or an argument is missing, unknown or malformed' },
  COMMAND_UNKNOWN: { kind: 'usage', meaning: 'There is no such command' },
  FILE_UNREADABLE: { kind: 'notFound', meaning: 'A file named by the user cannot be read' },
  PROCESS_FAILED: { kind: 'internal', meaning: 'A helper program exited with an error' },
  SETTINGS_INVALID: { kind: 'invalid', meaning: 'A configuration file or environment variable has a wrong value' },

  // ── names and documents (oci) ──
  REFERENCE_INVALID: { kind: 'invalid', meaning: 'An image name does not follow the reference grammar' },
  DIGEST_INVALID: { kind: 'invalid', meaning: 'A digest is malformed or of an unknown algorithm' },
  PLATFORM_INVALID: { kind: 'invalid', meaning: 'A platform is not of the form os/arch[/variant]' },
  MANIFEST_INVALID: { kind: 'invalid', meaning: 'A manifest or index breaks the image specification' },
  CONFIG_INVALID: { kind: 'invalid', meaning: 'An image configuration breaks the image specification' },

  // ── host and native core ──
  NATIVE_MISSING: { kind: 'unavailable', meaning: 'The native core was not found or does not start' },
  NATIVE_FAILED: { kind: 'internal', meaning: 'The native core reported an error that has no code of its own' },
  NATIVE_PROTOCOL: { kind: 'internal', meaning: 'The native core answered something that the protocol does not allow' },
  FEATURE_MISSING: {
    kind: 'unavailable',
    meaning: 'The kernel or the place tsbuild runs in lacks a feature that is needed',
  },

  // ── store ──
  STORE_VERSION: { kind: 'conflict', meaning: 'The store was written by a newer tsbuild' },
  STORE_BUSY: { kind: 'unavailable', meaning: 'Another process holds the store for longer than is reasonable' },
  STORE_CORRUPT: { kind: 'internal', meaning: 'Content of the store does not match its digest or record' },
  STORE_FULL: { kind: 'unavailable', meaning: 'No space is left where the store lies' },
  BLOB_MISSING: { kind: 'notFound', meaning: 'A blob is not in the store' },
  DIGEST_MISMATCH: { kind: 'invalid', meaning: 'Content does not have the digest that was promised' },
  SIZE_MISMATCH: { kind: 'invalid', meaning: 'Content does not have the size that was promised' },
} as const satisfies Record<string, { kind: ErrorKind; meaning: string }>

export type ErrorCode = keyof typeof errorCodes
