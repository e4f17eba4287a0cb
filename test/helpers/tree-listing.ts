import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { Buffer } from 'node:buffer'

/**
 * What is below a directory, one line an entry: `path kind mode uid:gid …` with the content of files, the target of links, the numbers of devices. Names
 * are latin-1, so that any bytes are kept. Names of hard links share a number `#n`.
 */
export function listTree(root: string): string[] {
  const lines: string[] = []
  const inodes = new Map<number, number>()
  const visit = (directory: Buffer, prefix: string): void => {
    const names = readdirSync(directory, { encoding: 'buffer' }).sort(Buffer.compare)
    for (const name of names) {
      const path = Buffer.concat([directory, Buffer.from('/'), name])
      const shown = prefix + name.toString('latin1')
      const st = lstatSync(path)
      const kind = 'dlfcbps'[
        [
          st.isDirectory(),
          st.isSymbolicLink(),
          st.isFile(),
          st.isCharacterDevice(),
          st.isBlockDevice(),
          st.isFIFO(),
          st.isSocket(),
        ].indexOf(true)
      ]
      const mode = (st.mode & 0o7777).toString(8)
      let line = `${shown} ${kind} ${mode} ${st.uid}:${st.gid}`
      if (st.isSymbolicLink()) line = `${shown} l ${st.uid}:${st.gid} -> ${readlinkSync(path)}`
      if (st.isCharacterDevice() || st.isBlockDevice()) line += ` ${st.rdev >> 8}:${st.rdev & 255}`
      if (st.isFile()) line += st.size > 200 ? ` (${st.size})` : ` ${JSON.stringify(readFileSync(path, 'latin1'))}`
      if (!st.isDirectory() && st.nlink > 1) {
        if (!inodes.has(st.ino)) inodes.set(st.ino, inodes.size + 1)
        line += ` #${inodes.get(st.ino)}`
      }
      lines.push(line)
      if (st.isDirectory()) visit(path, `${shown}/`)
    }
  }
  visit(Buffer.from(root), '')
  return lines
}
