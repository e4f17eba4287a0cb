import { classifySource } from '@dockerfile/parser'
import type { AddInstruction, CopyInstruction, GitSource, Range } from '@dockerfile/parser'
import { isDigest } from '../../oci/digest.ts'
import { problemError } from '../located.ts'
import type { GitOp, HttpOp } from '../ops/op.ts'
import { expandHere, mistake, place } from './site.ts'
import type { Site } from './site.ts'

/** The op that fetches a source from the web or from a git repository; undefined for a path. */
export function remoteSource(
  site: Site,
  instruction: AddInstruction | CopyInstruction,
  source: string,
  range: Range,
): HttpOp | GitOp | undefined {
  const classified = classifySource(source)
  if (!classified.ok) throw problemError(site.request.dockerfile, place(site, range), classified.problem)
  const found = classified.value
  if (found.kind === 'local') {
    refuseChecksum(site, instruction)
    return undefined
  }
  if (instruction.kind === 'copy') {
    const what = found.kind === 'http' ? 'a URL' : 'a git repository'
    throw mistake(site, range, 'SOURCE_INVALID', `COPY cannot take ${what} as its source`, 'Use ADD')
  }
  const checksum = checksumOf(site, instruction)
  if (found.kind === 'git') return gitOp(site, instruction, found.git, checksum)
  if (checksum !== undefined && !isDigest(checksum)) {
    const message = `The checksum "${checksum}" is not a digest`
    throw mistake(
      site,
      checksumRange(instruction),
      'CHECKSUM_INVALID',
      message,
      'Write sha256: and 64 hexadecimal digits',
    )
  }
  return { kind: 'http', url: source, name: found.filename, ...(checksum === undefined ? {} : { checksum }) }
}

function gitOp(site: Site, instruction: AddInstruction, git: GitSource, checksum: string | undefined): GitOp {
  const { keepGitDir } = instruction
  if (keepGitDir !== undefined && git.keepGitDir !== undefined && keepGitDir !== git.keepGitDir) {
    throw mistake(site, instruction.range, 'FLAG_INVALID', 'The flag --keep-git-dir and the URL contradict each other')
  }
  if (checksum !== undefined && git.checksum !== undefined && checksum !== git.checksum) {
    const message = `The flag --checksum wants "${checksum}", the URL "${git.checksum}"`
    throw mistake(site, checksumRange(instruction), 'CHECKSUM_INVALID', message)
  }
  const wanted = checksum ?? git.checksum
  return {
    kind: 'git',
    remote: git.remote,
    ref: git.ref,
    subdir: git.subdir,
    keepGitDir: keepGitDir ?? git.keepGitDir ?? false,
    submodules: git.submodules ?? true,
    mtime: git.mtime ?? 'checkout',
    ...(wanted === undefined ? {} : { checksum: wanted }),
  }
}

function checksumOf(site: Site, instruction: AddInstruction): string | undefined {
  if (instruction.checksum === undefined) return undefined
  const checksum = expandHere(site, instruction.checksum)
  if (checksum === '') return undefined
  if (instruction.sources.length === 1) return checksum
  throw mistake(site, checksumRange(instruction), 'CHECKSUM_INVALID', 'The flag --checksum needs a single source')
}

function refuseChecksum(site: Site, instruction: AddInstruction | CopyInstruction): void {
  if (instruction.kind !== 'add' || instruction.checksum === undefined) return
  if (expandHere(site, instruction.checksum) === '') return
  throw mistake(
    site,
    checksumRange(instruction),
    'CHECKSUM_INVALID',
    'The flag --checksum needs a URL or a git repository',
  )
}

function checksumRange(instruction: AddInstruction): Range {
  return instruction.checksum?.range ?? instruction.range
}
