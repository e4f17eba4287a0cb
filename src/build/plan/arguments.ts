import { expandWord } from '@dockerfile/parser'
import { formatPlatform } from '../../oci/platform.ts'
import type { Platform } from '../../oci/types.ts'
import { problemError } from '../located.ts'
import type { Environment } from './environment.ts'
import { emptyEnvironment } from './environment.ts'
import type { PlanRequest } from './request.ts'

/** Arguments that decide how the build is made but are no variables of a stage. */
export const controlArgs: ReadonlySet<string> = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE'])

/** Proxies reach RUN without being declared, and without being part of its key or the history. */
const proxyNames = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy']

/** The arguments in front of the first FROM, after the platform ones; `--build-arg` wins over a default. */
export function globalArguments(request: PlanRequest): Environment {
  const { dockerfile, buildArgs } = request
  const escape = dockerfile.directives.escape
  let scope = platformArguments(request)
  for (const { args } of dockerfile.globalArgs) {
    for (const { name, default: fallback } of args) {
      const given = buildArgs.get(name)
      if (given !== undefined) scope = scope.with(name, given)
      else if (fallback !== undefined) {
        const { value, error } = expandWord(fallback.text, scope, { escape })
        if (error !== undefined) throw problemError(dockerfile, fallback.range, error)
        scope = scope.with(name, value)
      }
    }
  }
  return scope
}

function platformArguments({ buildPlatform, targetPlatform, buildArgs, target, dockerfile }: PlanRequest): Environment {
  const stage = target ?? dockerfile.stages.at(-1)?.name
  const values = {
    ...describe('BUILD', buildPlatform),
    ...describe('TARGET', targetPlatform),
    TARGETSTAGE: stage === undefined || stage === '' ? 'default' : stage,
  }
  return Object.entries(values).reduce(
    (scope, [name, value]) => scope.with(name, buildArgs.get(name) ?? value),
    emptyEnvironment,
  )
}

function describe(prefix: string, platform: Platform): Record<string, string> {
  return {
    [`${prefix}PLATFORM`]: formatPlatform(platform),
    [`${prefix}OS`]: platform.os,
    [`${prefix}OSVERSION`]: platform['os.version'] ?? '',
    [`${prefix}ARCH`]: platform.architecture,
    [`${prefix}VARIANT`]: platform.variant ?? '',
  }
}

/** Proxy variables of the build arguments, in both spellings, as every RUN sees them. */
export function proxyVariables(buildArgs: ReadonlyMap<string, string>): readonly string[] {
  return [...buildArgs].flatMap(([name, value]) => {
    const lower = name.toLowerCase()
    return proxyNames.includes(lower) ? [`${lower.toUpperCase()}=${value}`, `${lower}=${value}`] : []
  })
}
