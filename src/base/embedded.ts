declare const TSBUILD_EMBEDDED: string

/**
 * Names the native core inside the single executable, where Node, bundle and core are one file; empty everywhere else. Made by
 * scripts/executable.
 */
export const embeddedCoreName: string = typeof TSBUILD_EMBEDDED === 'string' ? TSBUILD_EMBEDDED : ''
