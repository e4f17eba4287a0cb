import type { FileDiagnostics } from './sarif.ts'

/** Workflow commands that GitHub Actions shows at the lines of a change, one per diagnostic. */
export function toGithubAnnotations(files: readonly FileDiagnostics[]): readonly string[] {
  return files.flatMap(({ filename, diagnostics }) =>
    diagnostics.map(({ severity, rule, code, message, hint, range: { start, end } }) => {
      // GitHub takes columns only within one line.
      const columns = start.line === end.line ? [`col=${start.column}`, `endColumn=${end.column}`] : []
      const properties = [
        `file=${property(filename)}`,
        `line=${start.line}`,
        `endLine=${end.line}`,
        ...columns,
        `title=${property(rule ?? code)}`,
      ]
      return `::${severity} ${properties.join(',')}::${data(hint === undefined ? message : `${message}\n${hint}`)}`
    }),
  )
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
