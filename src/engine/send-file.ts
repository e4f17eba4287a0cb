import type { Answer, NativeCore } from '../host/native.ts'
import type { SendFile } from '../registry/transport/file-wire.ts'

/** Sends files by the core's `send`. */
export function createSendFile(native: NativeCore): SendFile {
  return async (socket, { path, start, end, onProgress: tell }, { signal, onProgress }) => {
    const onEvent = (event: Answer): void => {
      onProgress()
      if (typeof event['done'] === 'number') tell?.(event['done'])
    }
    const plan = { file: path, socket: { fd: 5 }, start, end }
    await native.call('send', plan, { signal, onEvent, fds: [socket] })
  }
}
