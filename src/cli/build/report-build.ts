import { writeUserFile } from '../../base/user-file.ts'
import type { BuildResult } from '../../engine/build-request.ts'
import { familiarReference, formatReference } from '../../oci/reference.ts'
import type { CommandContext } from '../command.ts'

export interface ReportFlags {
  readonly quiet: boolean
  readonly explain: boolean
  readonly iidfile: string | undefined
  readonly 'metadata-file': string | undefined
  readonly 'digest-file': string | undefined
  readonly 'image-name-with-digest-file': string | undefined
}

/**
 * Writes `--iidfile` and `--metadata-file`, and with `-q` the image ID, as docker buildx does, unless `stdoutTaken` by an output; and
 * kaniko's files of digests.
 */
export async function reportBuild(
  result: BuildResult,
  flags: ReportFlags,
  { terminal, signal, stdoutTaken }: Pick<CommandContext, 'terminal' | 'signal'> & { readonly stdoutTaken: boolean },
): Promise<void> {
  const [first] = result.images
  // An image for several platforms is known by its index.
  const id = result.images.length > 1 ? result.target?.digest : first?.id
  if (flags.iidfile !== undefined && id !== undefined) await writeUserFile(flags.iidfile, id, signal)
  const metadata = flags['metadata-file']
  if (metadata !== undefined)
    await writeUserFile(metadata, `${JSON.stringify(buildMetadata(result), null, 2)}\n`, signal)
  const { target, names } = result
  const digestFile = flags['digest-file']
  if (digestFile !== undefined && target !== undefined) await writeUserFile(digestFile, target.digest, signal)
  const namesFile = flags['image-name-with-digest-file']
  if (namesFile !== undefined && target !== undefined) {
    const lines = names.map((name) => `${formatReference({ ...name, digest: target.digest })}\n`)
    await writeUserFile(namesFile, lines.join(''), signal)
  }
  if (flags.explain) {
    const { explainText } = await import('./explain-text.ts')
    terminal.say(explainText(result.record).trimEnd())
  }
  if (flags.quiet && id !== undefined && !stdoutTaken) terminal.printLine(id)
  else for (const name of result.names) terminal.say(`Built ${familiarReference(name)}`)
}

/** The keys that BuildKit's clients read. */
function buildMetadata({ record, images, target, names }: BuildResult): Readonly<Record<string, unknown>> {
  const [first] = images
  return {
    'buildx.build.ref': record.id,
    ...(first === undefined || images.length > 1 ? {} : { 'containerimage.config.digest': first.id }),
    ...(target === undefined ? {} : { 'containerimage.descriptor': target, 'containerimage.digest': target.digest }),
    ...(names.length === 0 ? {} : { 'image.name': names.map(formatReference).join(',') }),
  }
}
