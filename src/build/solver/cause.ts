import type { CacheRecord, RecordedInput } from './cache.ts'
import type { Fact } from './operation.ts'

/**
 * Why a step had to run. Keys are digests of facts and inputs, so the first difference to the nearest earlier record is the
 * reason, not a guess.
 */
export type Cause =
  | { readonly kind: 'ignored' }
  | { readonly kind: 'first' }
  | { readonly kind: 'evicted'; readonly record: CacheRecord }
  | {
      readonly kind: 'fact'
      readonly name: string
      readonly before?: string
      readonly after?: string
      readonly record: CacheRecord
    }
  | {
      readonly kind: 'input'
      readonly name: string
      /** Origins where they are known, else identities or digests of what was read. */
      readonly before: string
      readonly after: string
      readonly record: CacheRecord
    }

export interface Attempt {
  readonly name: string
  readonly facts: readonly Fact[]
  readonly inputs: readonly RecordedInput[]
}

/** A step of another name that differs by more is another step, not an earlier form of this one. */
const farthest = 2.5

/** The first difference between `attempt` and the earlier record that is nearest to it; own facts come before inputs. */
export function findCause(attempt: Attempt, earlier: readonly CacheRecord[]): Cause {
  let nearest: CacheRecord | undefined
  let least = Infinity
  for (const record of earlier) {
    const distance = differences(attempt, record)
    if (distance < least) [nearest, least] = [record, distance]
  }
  if (nearest === undefined || (nearest.name !== attempt.name && least > farthest)) return { kind: 'first' }
  return firstDifference(attempt, nearest)
}

function firstDifference(attempt: Attempt, record: CacheRecord): Cause {
  const before = new Map(record.facts.map((fact) => [fact.name, fact.value]))
  for (const { name, value } of attempt.facts) {
    const old = before.get(name)
    if (old === undefined) return { kind: 'fact', name, after: value, record }
    if (old !== value) return { kind: 'fact', name, before: old, after: value, record }
  }
  const now = new Set(attempt.facts.map((fact) => fact.name))
  for (const { name, value } of record.facts) if (!now.has(name)) return { kind: 'fact', name, before: value, record }
  for (const [index, input] of attempt.inputs.entries()) {
    const old = record.inputs[index]
    const [was, is] = [inputValue(old), inputValue(input)]
    if (was === is) continue
    return { kind: 'input', name: input.name, before: old?.origin ?? was, after: input.origin ?? is, record }
  }
  return { kind: 'evicted', record }
}

/** Number of facts and inputs that differ. A fact of another name counts on both sides; another step name breaks ties. */
function differences(attempt: Attempt, record: CacheRecord): number {
  const before = new Map(record.facts.map((fact) => [fact.name, fact.value]))
  let count = attempt.name === record.name ? 0 : 0.5
  let common = 0
  for (const { name, value } of attempt.facts) {
    if (before.has(name)) common += 1
    if (before.get(name) !== value) count += 1
  }
  count += record.facts.length - common
  for (const [index, input] of attempt.inputs.entries())
    if (inputValue(record.inputs[index]) !== inputValue(input)) count += 1
  return count
}

/** What counted of the input: the content that was read where it was compared, else the whole. */
function inputValue(input: RecordedInput | undefined): string {
  return input?.content ?? input?.identity ?? ''
}
