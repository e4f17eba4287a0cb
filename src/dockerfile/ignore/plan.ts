import { encodeSource } from '../source.ts'
import type { GlobPlan, GlobSegment, GlobToken } from './glob.ts'

/** A byte string in JSON: a string when it is valid UTF-8, else base64. */
export type PlanText = string | { readonly b64: string }

export type PlanToken = readonly ['lit', PlanText] | Exclude<GlobToken, readonly ['lit', string]>

export type PlanSegment = '**' | readonly PlanToken[]

/** An ignore list as plain JSON. The README of this package defines how it is executed. */
export interface IgnorePlan {
  readonly patterns: readonly { readonly negate: boolean; readonly segments: readonly PlanSegment[] }[]
}

/** A single pattern as plain JSON, for COPY and ADD sources. */
export interface MatchPlan {
  readonly segments: readonly PlanSegment[]
}

export function toPlanSegments(segments: GlobPlan['segments']): readonly PlanSegment[] {
  return segments.map((segment: GlobSegment) => (segment === '**' ? segment : segment.map(toPlanToken)))
}

function toPlanToken(token: GlobToken): PlanToken {
  if (token[0] !== 'lit') return token
  return ['lit', token[1].isWellFormed() ? token[1] : { b64: toBase64(encodeSource(token[1])) }]
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}
