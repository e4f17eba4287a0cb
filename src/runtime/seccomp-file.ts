import { TsbuildError, messageOf } from '../base/errors.ts'
import type { OciSeccomp, OciSyscallRule } from './runtime-spec.ts'
import { seccompArchitectures } from './seccomp-profile.ts'

/** docker's form of a profile: rules may be bound to capabilities and architectures; `archMap` names those that the kernel answers. */
interface Profile {
  readonly defaultAction?: unknown
  readonly defaultErrnoRet?: number
  readonly architectures?: readonly string[]
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] | null }[]
  readonly flags?: readonly string[]
  readonly syscalls?: readonly ProfileRule[]
}

interface ProfileRule extends Omit<OciSyscallRule, 'names'> {
  readonly name?: string
  readonly names?: readonly string[]
  readonly includes?: Condition
  readonly excludes?: Condition
}

interface Condition {
  readonly caps?: readonly string[]
  readonly arches?: readonly string[]
}

/** Reads a seccomp profile in docker's JSON and keeps the rules that apply here. USAGE when it is not one. */
export function parseSeccompProfile(
  text: string,
  path: string,
  place: { readonly architecture: string; readonly capabilities: readonly string[] },
): OciSeccomp {
  const profile = parseProfile(text, path)
  const matches = ({ caps = [], arches = [] }: Condition): { readonly caps: boolean; readonly arches: boolean } => ({
    caps: caps.some((cap) => place.capabilities.includes(cap)),
    arches: arches.includes(place.architecture),
  })
  const applies = ({ includes = {}, excludes = {} }: ProfileRule): boolean => {
    const wanted = matches(includes)
    const unwanted = matches(excludes)
    if (unwanted.caps || unwanted.arches) return false
    return (wanted.caps || !includes.caps?.length) && (wanted.arches || !includes.arches?.length)
  }
  const architectures = profile.architectures ?? mappedArchitectures(profile, place.architecture)
  return {
    defaultAction: profile.defaultAction as OciSeccomp['defaultAction'],
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures.length === 0 ? {} : { architectures }),
    ...(profile.flags === undefined ? {} : { flags: profile.flags }),
    syscalls: (profile.syscalls ?? []).filter(applies).map(ruleOf),
  }
}

function parseProfile(text: string, path: string): Profile {
  let profile: Profile | null
  try {
    profile = JSON.parse(text) as Profile | null
  } catch (error) {
    throw new TsbuildError('USAGE', `Decoding seccomp profile failed: "${path}": ${messageOf(error)}`, { cause: error })
  }
  if (typeof profile?.defaultAction === 'string' && /^SCMP_ACT_[A-Z_]+$/.test(profile.defaultAction)) return profile
  throw new TsbuildError('USAGE', `Decoding seccomp profile failed: "${path}": it has no defaultAction`, {
    hint: 'A profile is a JSON object with defaultAction and syscalls',
  })
}

function mappedArchitectures(profile: Profile, architecture: string): readonly string[] {
  const [own] = seccompArchitectures(architecture)
  const entry = profile.archMap?.find((map) => map.architecture === own)
  return entry === undefined ? [] : [entry.architecture, ...(entry.subArchitectures ?? [])]
}

function ruleOf({ name, names, action, errnoRet, args }: ProfileRule): OciSyscallRule {
  return {
    names: names ?? (name === undefined ? [] : [name]),
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args === undefined || args === null || args.length === 0 ? {} : { args }),
  }
}
