import { printableLine } from '../../base/printable.ts'
import { createLineSplitter } from './step-log.ts'
import type { Progress } from './progress.ts'

/** Lines of a failed step's output that are shown. */
const tail = 20

/** Shows nothing but warnings and the last output of a step that fails. */
export function openQuietDisplay(say: (line: string) => void): Progress {
  const logs = new Map<string, { readonly splitter: ReturnType<typeof createLineSplitter>; lines: readonly string[] }>()
  return {
    emit(event) {
      if (event.kind === 'notice' && event.level === 'warning') say(`Warning: ${printableLine(event.text)}`)
      if (event.kind === 'vertex-log') {
        const log = logs.get(event.id) ?? { splitter: createLineSplitter(), lines: [] }
        logs.set(event.id, log)
        log.lines = [...log.lines, ...log.splitter.push(event.data)].slice(-tail)
      }
      if (event.kind !== 'vertex' || event.state === 'pending' || event.state === 'running') return
      const log = logs.get(event.id)
      logs.delete(event.id)
      if (event.state === 'failed' && log !== undefined)
        for (const line of [...log.lines, ...log.splitter.end()]) say(line)
    },
    [Symbol.dispose]() {},
  }
}
