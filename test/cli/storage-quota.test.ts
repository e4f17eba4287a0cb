import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRegistry, type Registry } from '../helpers/registry.ts'
import { openCli, standIns, type Cli } from '../helpers/tsbuild.ts'

const image = 'debian:bookworm'
let hub: Registry
beforeAll(async () => {
  hub = await startRegistry({ seed: standIns })
})
afterAll(() => hub[Symbol.asyncDispose]())

/** A file system with project quotas in a mount namespace that lives as long as its holder. */
interface Disk extends AsyncDisposable {
  readonly place: string
  /** Words before a program that sees it. */
  readonly enter: readonly string[]
}

async function mountDisk(options: string): Promise<Disk | string> {
  const folder = mkdtempSync(join(tmpdir(), 'tsbuild-quota-'))
  const [file, place] = [join(folder, 'file'), join(folder, 'place')]
  mkdirSync(place)
  const holder: ChildProcess = spawn(
    'unshare',
    [
      '--mount',
      'sh',
      '-c',
      'truncate -s 400M "$1" && mkfs.ext4 -qF -O project,quota -E quotatype=prjquota "$1" && mount -o "loop,$3" "$1" "$2" && echo mounted && read end',
      'sh',
      file,
      place,
      options,
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  )
  const output = { stdout: '', stderr: '' }
  holder.stderr?.on('data', (data) => (output.stderr += String(data)))
  const ended = once(holder, 'close')
  const ready = new Promise<boolean>((resolve) => {
    holder.stdout?.on('data', (data) => (output.stdout += String(data)).includes('mounted') && resolve(true))
    void ended.then(() => resolve(false))
  })
  const remove = async (): Promise<void> => {
    holder.stdin?.end()
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  if (!(await ready)) {
    await remove()
    return output.stderr.trim()
  }
  return { place, enter: ['nsenter', '--mount', `--target=${holder.pid}`], [Symbol.asyncDispose]: remove }
}

const disk = await mountDisk('prjquota')
if (typeof disk === 'string') console.warn(`skipped: no file system with project quotas can be mounted: ${disk}`)

describe.skipIf(typeof disk === 'string')('--storage-opt size', () => {
  const { place, enter, ...held } = disk as Disk
  let cli: Cli
  beforeAll(() => {
    cli = openCli({
      hub: hub.origin,
      prefix: [
        ...enter,
        'unshare',
        '--mount',
        'sh',
        '-c',
        `mkdir -p "$3" && mount --bind ${place} "$3" && exec "$@"`,
        'sh',
      ],
    })
  })
  afterAll(async () => {
    await cli[Symbol.asyncDispose]()
    await held[Symbol.asyncDispose]()
  })
  const output = (...command: readonly string[]): string =>
    execFileSync(enter[0]!, [...enter.slice(1), ...command], { encoding: 'utf8' })
  const projects = (): readonly string[] =>
    output('lsattr', '-pd', ...output('sh', '-c', `echo ${place}/snapshots/*`).trim().split(' '))
      .split('\n')
      .flatMap((line) => /^\s*([1-9]\d*)/.exec(line)?.slice(1) ?? [])

  it.for(['', '--privileged'])('bounds what a container %s writes, and what it says is free', async (flag) => {
    const flags = ['--rm', '--network', 'none', '--storage-opt', 'size=4m', ...(flag === '' ? [] : [flag])]
    const script =
      'df -k / | tail -1; dd if=/dev/zero of=/large bs=1M count=8; stat -c %s /large; rm /large; dd if=/dev/zero of=/small bs=1M count=2 2> /dev/null && echo fits'
    const { stdout, stderr } = await cli.run(['run', ...flags, image, 'sh', '-c', script])
    expect(stderr).toMatch(/quota exceeded|No space left/)
    const [df = '', written, fits] = stdout.trim().split('\n')
    expect(df).toMatch(/ 4096 /)
    expect(Number(written)).toBeLessThanOrEqual(4 * 2 ** 20)
    expect(fits).toBe('fits')
  })

  it('has another bound for each container, which goes with it', async () => {
    await cli.ok('create', '--name', 'one', '--storage-opt', 'size=1g', image)
    await cli.ok('create', '--name', 'two', '--storage-opt', 'size=2m', image)
    expect(await cli.ok('inspect', '--format', '{{json .HostConfig.StorageOpt}}', 'one')).toBe(
      '{"size":"1073741824"}\n',
    )
    const [first, second, ...others] = projects()
    expect(others).toEqual([])
    expect(second).not.toBe(first)
    await cli.ok('rm', 'one', 'two')
    for (const id of [first!, second!]) {
      const folder = join(place, `project-${id}`)
      // The size of a directory with a project is the limit of the project, if there is one.
      const [size, whole] = output(
        'sh',
        '-c',
        `mkdir ${folder} && chattr +P -p ${id} ${folder} && df -k --output=size ${folder} ${place} | tail -n 2`,
      )
        .trim()
        .split(/\s+/)
      expect(size).toBe(whole)
    }
  })

  it('leaves the project of an administrator alone', async () => {
    await cli.ok('create', '--name', 'mine', image)
    output('sh', '-c', `chattr +P -p 77 ${place}/snapshots/*`)
    await cli.ok('rm', 'mine')
    expect(await cli.ok('ps', '-aq')).toBe('')
  })
})

it('is refused where the file system of the store has no quotas, and nothing is left', async () => {
  await using cli = openCli({ hub: hub.origin })
  await cli.ok('pull', '-q', image)
  const before = readdirSync(join(cli.root, 'snapshots'))
  const error = await cli.fails(['run', '--storage-opt', 'size=10m', image, 'true'], {
    prefix: ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none "$0" && exec "$@"', join(cli.root, 'snapshots')],
  })
  expect(error).toMatchObject({ status: 125, code: 'FEATURE_MISSING', hint: expect.stringContaining('prjquota') })
  expect(error.message).toContain('--storage-opt size is supported only where')
  expect(await cli.ok('ps', '-aq')).toBe('')
  expect(readdirSync(join(cli.root, 'snapshots'))).toEqual(before)
})
