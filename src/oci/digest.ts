import { createHash } from 'node:crypto'
import { TsbuildError } from '../base/errors.ts'

/** `algorithm:hex`, sha256 or sha512. Made only by the functions of this file. */
export type Digest = string & { readonly __brand: 'Digest' }

/** Digest of a layer's uncompressed tar (image-spec "Layer DiffID"). */
export type DiffId = Digest

/** Digest that names a stack of layers (image-spec "Layer ChainID"). */
export type ChainId = Digest & { readonly __chain: true }

const hexLength: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 }

/** Parses a digest. Throws DIGEST_INVALID for anything but `sha256:<64 hex>` or `sha512:<128 hex>` in lower case. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new TsbuildError('DIGEST_INVALID', `Cannot read digest "${text}": expected sha256: and 64 hexadecimal digits`)
  }
  return text
}

export function isDigest(text: string): text is Digest {
  const colon = text.indexOf(':')
  const hex = text.slice(colon + 1)
  return hexLength[text.slice(0, Math.max(colon, 0))] === hex.length && /^[0-9a-f]+$/.test(hex)
}

export function digestAlgorithm(digest: Digest): 'sha256' | 'sha512' {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
}

export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

/** The twelve digits that people see as the id of an image or a layer. */
export function shortId(digest: Digest): string {
  return digestHex(digest).slice(0, 12)
}

export function sha256(content: string | Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(content).digest('hex')}`)
}

/** image-spec "Layer ChainID": the first layer's is its DiffID, each further one hashes the chain so far and the next DiffID. */
export function chainId(parent: ChainId | null, diffId: DiffId): ChainId {
  return (parent === null ? diffId : sha256(`${parent} ${diffId}`)) as ChainId
}
