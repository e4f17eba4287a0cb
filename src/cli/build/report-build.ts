import { writeFileAtomic } from '../../base/atomic-file.ts'
import type { BuildResult } from '../../engine/build-request.ts'
import { familiarReference, formatReference } from '../../oci/reference.ts'
import type { Terminal } from '../../ui/terminal.ts'

export interface ReportFlags {
  readonly quiet: boolean
  readonly explain: boolean
  readonly iidfile: string | undefined
  readonly 'metadata-file': string | undefined
}

/** Writes `--iidfile` and `--metadata-file`, and with `-q` the image ID, as docker buildx does. */
export async function reportBuild(result: BuildResult, flags: ReportFlags, terminal: Terminal): Promise<void> {
  const [first] = result.images
  // An image for several platforms is known by its index.
  const id = result.images.length > 1 ? result.target?.digest : first?.id
  if (flags.iidfile !== undefined && id !== undefined) await writeFileAtomic(flags.iidfile, id)
  const metadata = flags['metadata-file']
  if (metadata !== undefined) await writeFileAtomic(metadata, `${JSON.stringify(buildMetadata(result), null, 2)}\n`)
  if (flags.explain) {
    const { explainText } = await import('./explain-text.ts')
    terminal.say(explainText(result.record).trimEnd())
  }
  if (flags.quiet && id !== undefined) terminal.printLine(id)
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
