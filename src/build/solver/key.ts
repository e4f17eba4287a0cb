import { canonicalJson } from '../../base/canonical-json.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Fact, Identity } from './operation.ts'

/** Key of a step whose inputs are known by identity. */
export function definitionKey(kind: string, facts: readonly Fact[], inputs: readonly Identity[]): string {
  return digestKey('definition', kind, facts, inputs)
}

/** Key of a step where `inputs` are digests of the selected content, and identities only for inputs that are read whole. */
export function contentKey(kind: string, facts: readonly Fact[], inputs: readonly string[]): string {
  return digestKey('content', kind, facts, inputs)
}

/** Raised when the meaning of facts changes, so that records of an older tsbuild are not believed. */
const keyVersion = 1

function digestKey(form: string, kind: string, facts: readonly Fact[], inputs: readonly string[]): string {
  const pairs = facts.map(({ name, value }) => [name, value] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  return sha256(canonicalJson([keyVersion, form, kind, pairs, inputs]))
}
