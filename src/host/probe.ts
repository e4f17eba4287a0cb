import { TsbuildError } from '../base/errors.ts'
import type { NativeCore } from './native.ts'

export const hostFeatures = [
  'overlay',
  'userxattr',
  'idmappedMounts',
  'userNamespaces',
  'networkNamespaces',
  'procfs',
  'seccomp',
  'nftables',
  'bridge',
  'sysResource',
] as const

export type HostFeature = (typeof hostFeatures)[number]

/** Whether the kernel and the place we run in allow a thing, with the errno where they do not. */
export interface FeatureState {
  readonly available: boolean
  readonly errno?: string
}

export interface HostFacts {
  readonly kernel: string
  /** True when we are inside a user namespace ourselves. */
  readonly userNamespace: boolean
  readonly features: Readonly<Record<HostFeature, FeatureState>>
  readonly cgroup: {
    readonly version: string
    /** Controllers by which limits can be set here. */
    readonly controllers: readonly string[]
  }
}

/** Asks the native core what this machine allows (the verb `probe`). NATIVE_PROTOCOL when the answer lacks what we read. */
export async function probeHost(native: NativeCore, signal?: AbortSignal): Promise<HostFacts> {
  const answer = await native.call('probe', {}, signal === undefined ? {} : { signal })
  const features = record(answer['features'])
  const cgroup = record(answer['cgroup'])
  return {
    kernel: String(answer['kernel']),
    userNamespace: answer['userNamespace'] === true,
    features: Object.fromEntries(
      hostFeatures.map((name) => [name, featureState(record(features[name]))]),
    ) as HostFacts['features'],
    cgroup: { version: String(cgroup['version']), controllers: writableControllers(cgroup) },
  }
}

function featureState(answer: Readonly<Record<string, unknown>>): FeatureState {
  const { available, errno } = answer
  return { available: available === true, ...(typeof errno === 'string' ? { errno } : {}) }
}

/** Of version 2 the controllers of a writable hierarchy, of version 1 each hierarchy that is writable. */
function writableControllers(cgroup: Readonly<Record<string, unknown>>): readonly string[] {
  const v2 = record(cgroup['v2'] ?? {})
  const unified = v2['writable'] === true && Array.isArray(v2['controllers']) ? v2['controllers'].map(String) : []
  const v1 = Array.isArray(cgroup['v1']) ? cgroup['v1'].map(record) : []
  const named = v1
    .filter(({ writable }) => writable === true)
    .flatMap(({ path }) => String(path).split('/').at(-1)!.split(','))
  return [...new Set([...unified, ...named])].toSorted()
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw new TsbuildError(
    'NATIVE_PROTOCOL',
    'Cannot read what the native core says of this machine: a member is missing',
  )
}
