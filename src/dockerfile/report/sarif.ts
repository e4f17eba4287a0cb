import { checkRules } from '../checks/check.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { diagnosticCodes } from '../diagnostics.ts'
import type { Range } from '../source.ts'

export interface FileDiagnostics {
  /** As it is to be shown; for SARIF and GitHub relative to the repository, with slashes. */
  readonly filename: string
  readonly diagnostics: readonly Diagnostic[]
}

export interface SarifOptions {
  readonly toolName: string
  readonly toolVersion: string
  readonly informationUri?: string
}

/** A SARIF 2.1.0 log with one run (OASIS sarif-v2.1.0). Columns count UTF-16 code units. */
export function toSarif(
  files: readonly FileDiagnostics[],
  { toolName, toolVersion, informationUri }: SarifOptions,
): Record<string, unknown> {
  const used = new Set(files.flatMap(({ diagnostics }) => diagnostics.map(ruleId)))
  const rules = [...used].sort().map(describeRule)
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: toolName,
            version: toolVersion,
            ...(informationUri !== undefined && { informationUri }),
            rules,
          },
        },
        columnKind: 'utf16CodeUnits',
        results: files.flatMap(({ filename, diagnostics }) =>
          diagnostics.map((diagnostic) => toResult(filename, diagnostic, rules)),
        ),
      },
    ],
  }
}

interface SarifRule {
  readonly id: string
  readonly shortDescription: { readonly text: string }
  readonly helpUri?: string
}

function ruleId({ rule, code }: Diagnostic): string {
  return rule ?? code
}

function describeRule(id: string): SarifRule {
  const rule = checkRules.find(({ name }) => name === id)
  const text = rule?.description ?? Object.entries(diagnosticCodes).find(([code]) => code === id)?.[1] ?? id
  return { id, shortDescription: { text }, ...(rule?.url !== undefined && { helpUri: rule.url }) }
}

function toResult(filename: string, diagnostic: Diagnostic, rules: readonly SarifRule[]): Record<string, unknown> {
  const { severity, message, hint, range, related = [] } = diagnostic
  const id = ruleId(diagnostic)
  return {
    ruleId: id,
    ruleIndex: rules.findIndex((rule) => rule.id === id),
    level: severity,
    message: { text: hint === undefined ? message : `${message}. ${hint}` },
    locations: [{ physicalLocation: place(filename, range) }],
    ...(related.length > 0 && {
      relatedLocations: related.map((other, index) => ({
        id: index + 1,
        message: { text: other.message },
        physicalLocation: place(filename, other.range),
      })),
    }),
  }
}

function place(filename: string, { start, end }: Range): Record<string, unknown> {
  const uri = filename.split('/').map(encodeURIComponent).join('/')
  return {
    artifactLocation: { uri },
    region: { startLine: start.line, startColumn: start.column, endLine: end.line, endColumn: end.column },
  }
}
