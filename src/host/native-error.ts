import { errorCodes } from '../base/error-codes.ts'
import type { ErrorCode } from '../base/error-codes.ts'
import { TsbuildError } from '../base/errors.ts'
import type { Answer } from './native.ts'

/** An `error` line of the native core. */
export class NativeError extends TsbuildError {
  override readonly name = 'NativeError'
  /** Name of the errno, such as ENOENT. */
  readonly errno: string | undefined
  readonly syscall: string | undefined
  /** The path that the call was about, as the core saw it. */
  readonly path: string | undefined

  constructor(verb: string, answer: Answer) {
    const code = text(answer['code'])
    const known = code !== undefined && code in errorCodes
    super(known ? (code as ErrorCode) : 'NATIVE_FAILED', text(answer['message']) ?? `Cannot carry out "${verb}"`, {
      details: { ...answer, verb },
      ...(code === 'FEATURE_MISSING' && answer['syscall'] === 'unshare' ? { hint: namespaceHint } : {}),
    })
    this.errno = text(answer['errno'])
    this.syscall = text(answer['syscall'])
    this.path = text(answer['path'])
  }
}

const namespaceHint =
  '"tsbuild doctor" tells what forbids it and what mends it; without user namespaces only root can build'

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
