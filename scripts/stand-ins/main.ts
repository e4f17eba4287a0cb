/**
 * Makes stand-ins for the base images of fixtures/ out of this machine's own packages and leaves them as the storage of a
 * docker-registry in .cache/stand-ins/registry, for machines that cannot reach Docker Hub. Does nothing when they are up to date.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { startRegistry } from '../../test/helpers/registry.ts'
import { packImage, uploadImage } from './image.ts'
import type { StandInImage } from './image.ts'
import { addJava, addPrograms, makeBaseRoot } from './rootfs.ts'

const home = join(import.meta.dirname, '../..')
const target = join(home, '.cache/stand-ins')
const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const distribution =
  /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'this Linux distribution'
const java = execFileSync('java', ['--version'], { encoding: 'utf8' })

if (!isCurrent()) await make()

function stamp(): string {
  const hash = createHash('sha256').update(distribution).update(java).update(process.arch)
  for (const name of readdirSync(import.meta.dirname).sort()) hash.update(readFileSync(join(import.meta.dirname, name)))
  return hash.digest('hex')
}

function isCurrent(): boolean {
  const path = join(target, 'stamp')
  return existsSync(path) && readFileSync(path, 'utf8') === stamp()
}

async function make(): Promise<void> {
  mkdirSync(join(home, '.cache'), { recursive: true })
  const scratch = mkdtempSync(join(home, '.cache/stand-ins.'))
  try {
    const images = [makeOpenjdk(join(scratch, 'openjdk')), makeDebian(join(scratch, 'debian'))]
    await using registry = await startRegistry()
    for (const image of images) await uploadImage(registry.origin, image)
    mkdirSync(join(scratch, 'done'))
    cpSync(registry.data, join(scratch, 'done/registry'), { recursive: true })
    writeFileSync(join(scratch, 'done/stamp'), stamp())
    rmSync(target, { recursive: true, force: true })
    renameSync(join(scratch, 'done'), target)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function makeOpenjdk(root: string): StandInImage {
  makeBaseRoot(root)
  addJava(root)
  return packImage({
    repository: 'library/openjdk',
    tag: '8',
    root,
    origin: `the Java runtime of ${distribution}`,
    env: [`PATH=/usr/local/openjdk-8/bin:${standardPath}`, 'JAVA_HOME=/usr/local/openjdk-8', 'LANG=C.UTF-8'],
    cmd: ['sh'],
  })
}

function makeDebian(root: string): StandInImage {
  makeBaseRoot(root)
  addPrograms(root, ['/bin/bash'])
  return packImage({
    repository: 'library/debian',
    tag: 'bookworm',
    root,
    origin: `busybox, bash and the C library of ${distribution}`,
    env: [`PATH=${standardPath}`],
    cmd: ['bash'],
  })
}
