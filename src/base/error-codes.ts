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
  OUTPUT_FAILED: { kind: 'unavailable', meaning: 'What a command writes cannot be written where it goes to' },
  FILE_UNREADABLE: { kind: 'notFound', meaning: 'A file named by the user cannot be read' },
  PROCESS_FAILED: { kind: 'internal', meaning: 'A helper program exited with an error' },
  SETTINGS_INVALID: { kind: 'invalid', meaning: 'A configuration file or environment variable has a wrong value' },
  TEMPLATE_INVALID: {
    kind: 'usage',
    meaning: 'A --format template is malformed or asks for a field that does not exist',
  },

  // ── names and documents (oci) ──
  REFERENCE_INVALID: { kind: 'invalid', meaning: 'An image name does not follow the reference grammar' },
  DIGEST_INVALID: { kind: 'invalid', meaning: 'A digest is malformed or of an unknown algorithm' },
  PLATFORM_INVALID: { kind: 'invalid', meaning: 'A platform is not of the form os/arch[/variant]' },
  MANIFEST_INVALID: { kind: 'invalid', meaning: 'A manifest or index breaks the image specification' },
  MANIFEST_UNSUPPORTED: {
    kind: 'invalid',
    meaning: 'A manifest is of a format that cannot be used, such as docker schema 1',
  },
  CONFIG_INVALID: { kind: 'invalid', meaning: 'An image configuration breaks the image specification' },

  // ── registries ──
  CREDENTIALS_HELPER: { kind: 'unavailable', meaning: 'A credential helper is missing or failed' },
  CREDENTIALS_INVALID: { kind: 'invalid', meaning: 'A file of stored credentials cannot be read' },
  REGISTRY_BLOCKED: { kind: 'denied', meaning: 'The configuration forbids this registry' },
  REGISTRY_DENIED: { kind: 'denied', meaning: 'The registry does not allow this, or the repository does not exist' },
  REGISTRY_IMMUTABLE: { kind: 'conflict', meaning: 'The registry does not allow the tag to be moved' },
  REGISTRY_NOT_FOUND: { kind: 'notFound', meaning: 'The registry has no such repository, manifest or blob' },
  REGISTRY_PROTOCOL: { kind: 'invalid', meaning: 'An answer of the registry breaks the distribution specification' },
  REGISTRY_REFUSED: { kind: 'invalid', meaning: 'The registry refused the request as invalid' },
  REGISTRY_THROTTLED: { kind: 'unavailable', meaning: 'The registry allows no more requests for now' },
  REGISTRY_TIMEOUT: { kind: 'unavailable', meaning: 'The registry did not answer or stopped sending' },
  REGISTRY_TLS: { kind: 'unavailable', meaning: 'A secure connection to the registry could not be made' },
  REGISTRY_TOO_LARGE: { kind: 'invalid', meaning: 'An answer or a document of the registry is larger than is allowed' },
  REGISTRY_UNAUTHORIZED: {
    kind: 'denied',
    meaning: 'The registry or its token server did not accept the credentials, or wants some',
  },
  REGISTRY_UNAVAILABLE: { kind: 'unavailable', meaning: 'The registry reported a failure of its own' },
  REGISTRY_UNREACHABLE: { kind: 'unavailable', meaning: 'No connection to the registry could be made, or it was lost' },
  REGISTRY_UNSUPPORTED: { kind: 'invalid', meaning: 'The registry does not offer this operation' },

  // ── images ──
  ARCHIVE_INVALID: { kind: 'invalid', meaning: 'An image archive or layout is malformed or incomplete' },
  ID_AMBIGUOUS: { kind: 'conflict', meaning: 'An ID prefix fits several objects' },
  IMAGE_IN_USE: { kind: 'conflict', meaning: 'An image cannot be removed because something uses it' },
  IMAGE_NOT_FOUND: { kind: 'notFound', meaning: 'There is no such image in the store' },
  MANIFEST_LIST_EXISTS: { kind: 'exists', meaning: 'A manifest list of that name is being put together already' },
  MANIFEST_LIST_INVALID: { kind: 'invalid', meaning: 'Something cannot be part of a manifest list' },
  MANIFEST_LIST_NOT_FOUND: { kind: 'notFound', meaning: 'There is no such manifest list, or no such image in it' },
  PLATFORM_NOT_FOUND: { kind: 'notFound', meaning: 'An image has no variant for the platform' },

  // ── builds ──
  BUILD_NOT_FOUND: { kind: 'notFound', meaning: 'There is no record of such a build' },
  CHECK_FAILED: { kind: 'invalid', meaning: 'A Dockerfile breaks a check that it asks to be enforced' },
  CONTEXT_UNREADABLE: { kind: 'notFound', meaning: 'The build context, or the Dockerfile in it, cannot be read' },
  DOCKERFILE_INVALID: { kind: 'invalid', meaning: 'A Dockerfile has a mistake' },
  ENTITLEMENT_MISSING: { kind: 'denied', meaning: 'A build step wants a privilege that was not granted' },
  FETCH_FAILED: { kind: 'unavailable', meaning: 'A source of a build could not be fetched from the web' },
  GIT_FAILED: { kind: 'unavailable', meaning: 'A git repository, or a commit of it, could not be fetched' },
  NOT_REPRODUCIBLE: { kind: 'conflict', meaning: 'Two builds of the same sources gave different results' },
  RUN_FAILED: { kind: 'invalid', meaning: 'The process of a build step ended with an error' },
  SECRET_MISSING: { kind: 'notFound', meaning: 'A build step needs a secret or an SSH agent that was not given' },
  SOURCE_MISSING: { kind: 'notFound', meaning: 'A source of COPY, ADD or a mount does not exist' },
  STAGE_UNKNOWN: { kind: 'notFound', meaning: 'A Dockerfile has no such stage' },
  STEP_FAILED: { kind: 'invalid', meaning: 'A build step could not change the files of the image' },

  // ── processes and containers ──
  CGROUP_FAILED: { kind: 'unavailable', meaning: 'The limits of a container could not be set up' },
  CONTAINER_CONFLICT: { kind: 'conflict', meaning: 'A container is not in the state that the command needs' },
  CONTAINER_EXISTS: { kind: 'exists', meaning: 'A container of that name exists' },
  CONTAINER_NOT_FOUND: { kind: 'notFound', meaning: 'There is no such container' },
  CONTAINER_RUNNING: { kind: 'conflict', meaning: 'The container runs, and the command is for stopped ones' },
  CONTAINER_STOPPED: { kind: 'conflict', meaning: 'The container does not run, and the command is for running ones' },
  CONTAINER_UNREACHABLE: { kind: 'unavailable', meaning: 'The monitor of a container does not answer' },
  EXEC_DENIED: { kind: 'denied', meaning: 'The command of a container or a build step cannot be executed' },
  EXEC_NOT_FOUND: { kind: 'notFound', meaning: 'The command of a container or a build step does not exist there' },
  ID_TOO_SHORT: {
    kind: 'usage',
    meaning: 'A prefix is too short, or digits only, for a command that cannot be undone',
  },
  HOOK_FAILED: { kind: 'internal', meaning: 'A hook of a container failed or took too long' },
  MOUNT_FAILED: { kind: 'invalid', meaning: 'A mount of a container or a build step could not be made' },
  MOUNT_SOURCE_MISSING: { kind: 'notFound', meaning: 'The host path of a bind mount does not exist' },
  PATH_MISSING: { kind: 'notFound', meaning: 'A path does not exist in a container, image or snapshot' },
  RUNTIME_CONFIG_INVALID: { kind: 'invalid', meaning: 'A container configuration breaks the runtime specification' },
  OBJECT_NOT_FOUND: { kind: 'notFound', meaning: 'No container, image, volume or network has the name' },
  RUNTIME_FAILED: { kind: 'unavailable', meaning: 'Another OCI runtime that was asked for failed' },
  USER_UNKNOWN: { kind: 'notFound', meaning: 'A user or group does not exist inside the root' },

  // ── volumes ──
  VOLUME_EXISTS: { kind: 'exists', meaning: 'A volume of that name exists with other options' },
  VOLUME_IN_USE: { kind: 'conflict', meaning: 'A volume cannot be removed because containers use it' },
  VOLUME_INVALID: { kind: 'invalid', meaning: 'The name or an option of a volume is malformed' },
  VOLUME_NOT_FOUND: { kind: 'notFound', meaning: 'There is no such volume' },

  // ── networks ──
  ADDRESS_TAKEN: { kind: 'conflict', meaning: 'An address of a network is in use' },
  NETWORK_EXISTS: { kind: 'exists', meaning: 'A network of that name exists' },
  NETWORK_IN_USE: { kind: 'conflict', meaning: 'A network cannot be removed because containers are connected to it' },
  NETWORK_INVALID: { kind: 'invalid', meaning: 'A network cannot be made as asked for' },
  NETWORK_NOT_FOUND: { kind: 'notFound', meaning: 'There is no such network' },
  SUBNET_TAKEN: { kind: 'conflict', meaning: 'An interface of the host has an address in the subnet of a network' },
  NETWORK_POOL_EMPTY: { kind: 'unavailable', meaning: 'No free subnet or address is left' },

  // ── host and native core ──
  NATIVE_MISSING: { kind: 'unavailable', meaning: 'The native core was not found or does not start' },
  NATIVE_FAILED: { kind: 'internal', meaning: 'The native core reported an error that has no code of its own' },
  NATIVE_PROTOCOL: { kind: 'internal', meaning: 'The native core answered something that the protocol does not allow' },
  FEATURE_MISSING: {
    kind: 'unavailable',
    meaning: 'The kernel or the place tsbuild runs in lacks a feature that is needed',
  },
  PLAN_INVALID: { kind: 'internal', meaning: 'The native core was given a plan that breaks the protocol' },
  PATH_ESCAPES: { kind: 'invalid', meaning: 'A path leads out of the root that it must stay in' },
  IS_A_DIRECTORY: { kind: 'invalid', meaning: 'A file would take the place of a directory' },
  NOT_A_DIRECTORY: { kind: 'invalid', meaning: 'A directory was needed where something else is' },
  LAYER_INVALID: { kind: 'invalid', meaning: 'A layer archive is malformed or hostile' },
  LAYER_NEEDS_LOWER: { kind: 'internal', meaning: 'A layer can only be unpacked on top of the layers below it' },
  FILE_CHANGED: { kind: 'conflict', meaning: 'A file changed while it was read' },
  NETWORK_FAILED: { kind: 'internal', meaning: 'The kernel refused a network change' },
  PORT_TAKEN: { kind: 'conflict', meaning: 'A port of the host is in use' },

  // ── store ──
  STORE_VERSION: { kind: 'conflict', meaning: 'The store was written by a newer tsbuild' },
  STORE_DENIED: { kind: 'denied', meaning: 'The folder of the store may not be written by this user' },
  STORE_BUSY: { kind: 'unavailable', meaning: 'Another process holds the store for longer than is reasonable' },
  STORE_CORRUPT: { kind: 'internal', meaning: 'Content of the store does not match its digest or record' },
  STORE_FULL: { kind: 'unavailable', meaning: 'No space is left where the store lies' },
  BLOB_MISSING: { kind: 'notFound', meaning: 'A blob is not in the store' },
  DIGEST_MISMATCH: { kind: 'invalid', meaning: 'Content does not have the digest that was promised' },
  SIZE_MISMATCH: { kind: 'invalid', meaning: 'Content does not have the size that was promised' },
} as const satisfies Record<string, { kind: ErrorKind; meaning: string }>

export type ErrorCode = keyof typeof errorCodes
