import { resolve } from 'node:path'
import { checkDockerfile, parseDockerfile } from '@dockerfile/parser'
import type { Diagnostic } from '@dockerfile/parser'
import { readDockerfile } from '../../build/context/dockerfile-text.ts'
import { loadIgnore } from '../../build/context/local-folder.ts'
import type { SourceText } from '../../build/located.ts'

/** A file and what is wrong with it. `source` is the text that the ranges point into. */
export interface CheckedFile extends SourceText {
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Checks a Dockerfile with the ignore file beside it; a malformed ignore file is a result of its own. What `# check=error=true`
 * turns into a failure is an error here. `path` is relative to `cwd`. CONTEXT_UNREADABLE.
 */
export async function checkFile(path: string, cwd: string, signal: AbortSignal): Promise<readonly CheckedFile[]> {
  const absolute = resolve(cwd, path)
  const folder = resolve(absolute, '..')
  const { bytes } = await readDockerfile(absolute, path, { context: folder, signal })
  const ignore = await loadIgnore([`${absolute}.dockerignore`, resolve(folder, '.dockerignore')], folder, signal)
  const parsed = parseDockerfile(bytes, { filename: path })
  const result = checkDockerfile(parsed, ignore === undefined ? {} : { ignore: ignore.matcher })
  const failed = new Set(result.failed)
  const diagnostics = result.diagnostics.map((diagnostic) =>
    failed.has(diagnostic.rule ?? '') ? { ...diagnostic, severity: 'error' as const } : diagnostic,
  )
  const checked = [{ filename: path, source: parsed.source, diagnostics }]
  if (ignore === undefined || ignore.matcher.diagnostics.length === 0) return checked
  const filename = path.slice(0, path.length - absolute.length + folder.length + 1) + ignore.filename
  return [...checked, { filename, source: ignore.source, diagnostics: ignore.matcher.diagnostics }]
}
