import type { AttachIo } from '../container/attach.ts'
import type { NativeCore } from '../host/native.ts'

/**
 * Has the caller's terminal hand on every byte as it is until the result is disposed. Not earlier than right before the process starts:
 * until then Ctrl+C is to interrupt a pull, and its progress needs the terminal's newlines.
 */
export async function enterTerminal(native: NativeCore, { terminal }: AttachIo): Promise<Disposable> {
  if (terminal === undefined) return { [Symbol.dispose]: () => {} }
  using stack = new DisposableStack()
  stack.use(terminal.enter())
  // A terminal that refuses works with its newlines translated.
  await native.call('terminal', { fd: 5 }, { fds: [terminal.fd] }).catch(() => {})
  return stack.move()
}
