declare const TSBUILD_COMMIT: string

/** Version of tsbuild; the same as in package.json (a test compares them). */
export const version = '0.1.0'

/** Commit that the bundle was made from; `source` when the sources run directly. */
export const commit: string = typeof TSBUILD_COMMIT === 'string' ? TSBUILD_COMMIT : 'source'
