import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * The smallest root that looks like Debian's: merged /usr, busybox for every common command, the C library, users and groups.
 * All files come from packages of the distribution that this runs on.
 */
export function makeBaseRoot(root: string): void {
  for (const directory of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(root, 'usr', directory), { recursive: true })
    symlinkSync(`usr/${directory}`, join(root, directory))
  }
  for (const directory of [
    'dev',
    'etc',
    'home',
    'opt',
    'proc',
    'root',
    'srv',
    'sys',
    'tmp',
    'usr/local/bin',
    'var/log',
    'var/tmp',
  ]) {
    mkdirSync(join(root, directory), { recursive: true })
  }
  chmodSync(join(root, 'root'), 0o700)
  chmodSync(join(root, 'tmp'), 0o1777)
  chmodSync(join(root, 'var/tmp'), 0o1777)
  copyFileSync('/usr/share/base-passwd/passwd.master', join(root, 'etc/passwd'))
  copyFileSync('/usr/share/base-passwd/group.master', join(root, 'etc/group'))
  copyFileSync('/etc/os-release', join(root, 'etc/os-release'))
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n')
  addBusybox(root)
}

function addBusybox(root: string): void {
  const source = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))!
  const target = join(root, 'usr/bin/busybox')
  copyFileSync(source, target)
  chmodSync(target, 0o755)
  const applets = execFileSync(source, ['--list'], { encoding: 'utf8' }).trim().split('\n')
  for (const applet of applets.filter((name) => name !== 'busybox'))
    symlinkSync('busybox', join(root, 'usr/bin', applet))
}

/** Copies programs of this machine with the libraries that they load; a program replaces busybox's command of that name. */
export function addPrograms(root: string, paths: readonly string[]): void {
  for (const path of paths) copyInto(path, join(root, 'usr/bin', basename(path)))
  addLibraries(root, paths)
}

/** A Java runtime of the JDK of this machine, below /usr/local/openjdk-8 as in the official image. */
export function addJava(root: string): void {
  const home = join(root, 'usr/local/openjdk-8')
  const options = ['--no-header-files', '--no-man-pages', '--strip-debug', '--add-modules', 'java.base,jdk.httpserver']
  execFileSync('jlink', [...options, '--output', home], { stdio: ['ignore', 'ignore', 'inherit'] })
  const libraries = readdirSync(join(home, 'lib'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.so'),
  )
  addLibraries(root, [join(home, 'bin/java'), ...libraries.map((name) => join(home, 'lib', name))])
}

/** What `ldd` says the files need and the root does not have, at the same place. */
function addLibraries(root: string, files: readonly string[]): void {
  const needed = new Set(files.flatMap(librariesOf).filter((path) => !path.startsWith(root)))
  for (const path of needed) {
    const target = join(root, path)
    if (!existsSync(target)) copyInto(path, target)
  }
}

function librariesOf(file: string): readonly string[] {
  const listed = execFileSync('ldd', [file], { encoding: 'utf8' })
  return [...listed.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path]) => path!)
}

function copyInto(source: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true })
  // A link of busybox must give way: a copy would go through it.
  rmSync(target, { force: true })
  copyFileSync(source, target)
}
