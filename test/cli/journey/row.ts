import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../helpers/container-cli.ts'
import type { Driver } from './driver.ts'

/** What a tutorial types, and what comes of it in a form that does not depend on ids, names and times. */
export interface Row {
  readonly rows: string
  readonly types: string
  readonly does: (d: Driver) => Promise<unknown>
  readonly gives: unknown
  /** Why docker does something else, and what. */
  readonly docker?: { readonly gives: unknown; readonly because: string }
}

/** The image that both command lines have under this name. */
export const image = 'journey'

export const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== '')
export const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '')
export const status = (d: Driver, name: string): Promise<string> =>
  d.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', name).then((text) => text.trim())
export const loop = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'] as const

/** Waits until a container that runs `loop` can be stopped by a signal: before it has set its trap, one would be lost. */
export async function stoppable(d: Driver, name: string): Promise<void> {
  const pid = (await d.ok('inspect', '-f', '{{.State.Pid}}', name)).trim()
  await until('a trap', async () => {
    const caught = /^SigCgt:\s+(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
    return (BigInt(`0x${caught}`) & (1n << 14n)) !== 0n
  })
}

export async function folder<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = mkdtempSync(join(tmpdir(), 'tsbuild-journey-'))
  try {
    return await use(path)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

/** Runs a container for the time of `use`. */
export async function running<T>(
  d: Driver,
  flags: readonly string[],
  use: (id: string) => Promise<T>,
  command: readonly string[] = loop,
): Promise<T> {
  const id = (await d.ok('run', '-d', '--name', 'test_image', ...flags, image, ...command)).trim()
  try {
    return await use(id)
  } finally {
    await d.run(['rm', '-f', '-v', 'test_image'])
  }
}

export async function answer(url: string): Promise<string> {
  const { text } = await until(`an answer of ${url}`, () =>
    fetch(url).then(
      async (response) => ({ text: await response.text() }),
      () => undefined,
    ),
  )
  return text
}

export const web = ['sh', '-c', 'mkdir -p /w && echo served > /w/index.html && exec httpd -f -p 80 -h /w'] as const

/** Serves http on every address of the machine for the time of `use`. */
export async function serving<T>(listener: RequestListener, use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  try {
    return await use((server.address() as AddressInfo).port)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
