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
      ...hintOf(code, text(answer['syscall']), text(answer['errno'])),
    })
    this.errno = text(answer['errno'])
    this.syscall = text(answer['syscall'])
    this.path = text(answer['path'])
  }
}

const namespaceHint =
  '"tsbuild doctor" tells what forbids it and what mends it; without user namespaces only root can build'

/** Calls of which a seccomp profile, a security module or the want of a capability takes some. */
const isolating = new Set(
  'clone3 fsconfig fsmount fsopen mount mount_setattr move_mount open_tree pivot_root setns umount2 unshare'.split(' '),
)

function hintOf(
  code: string | undefined,
  call: string | undefined,
  errno: string | undefined,
): { readonly hint?: string } {
  if (code === 'FEATURE_MISSING' && call === 'unshare') return { hint: namespaceHint }
  if (call === undefined || !isolating.has(call) || (errno !== 'EPERM' && errno !== 'ENOSYS')) return {}
  return {
    hint: `What tsbuild runs in refuses "${call}", by a seccomp profile, a missing capability or a security module: "tsbuild doctor" tells more. RUN steps of Dockerfiles that you trust do without: build --isolation=chroot`,
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
