import { TsbuildError } from '../base/errors.ts'
import type { Digest } from '../oci/digest.ts'

export function blobMissing(digest: Digest): TsbuildError {
  return new TsbuildError('BLOB_MISSING', `Cannot find blob ${digest} in the store`)
}

export function sizeMismatch(digest: Digest, want: number, have: number): TsbuildError {
  return new TsbuildError('SIZE_MISMATCH', `Cannot accept blob ${digest}: it has ${have} bytes, ${want} were promised`)
}

export function digestMismatch(want: Digest, have: string): TsbuildError {
  return new TsbuildError('DIGEST_MISMATCH', `Cannot accept blob ${want}: its content has the digest ${have}`)
}
