import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { analyzeDockerfile, checkDockerfile, parseDockerfile } from '@dockerfile/parser'
import type { CheckResult, ParsedDockerfile } from '@dockerfile/parser'
import { hasCode } from '../base/errors.ts'
import { measureContext } from '../build/context/context-usage.ts'
import { openMainContext } from '../build/context/main-context.ts'
import type { LocalImage } from '../image/image-service.ts'
import { parsePlatform } from '../oci/platform.ts'
import type { Platform } from '../oci/types.ts'
import { checkOptions } from './build-checks.ts'
import type { BuildRequest } from './build-request.ts'
import { contextTools } from './build-services.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface DockerfileInspection {
  readonly dockerfile: ParsedDockerfile
  readonly checks: CheckResult
}

/**
 * Reads the Dockerfile of a build and judges it with what the build would know, without building: base images count as far as they
 * are in the store, none is pulled. `measure` also measures the context. Codes: CONTEXT_UNREADABLE, PLATFORM_INVALID, those of fetching.
 */
export async function inspectDockerfile(
  engine: Engine,
  request: BuildRequest,
  { measure }: { readonly measure: boolean },
  { signal }: VerbContext,
): Promise<DockerfileInspection> {
  const { store, settings } = engine
  await using stack = new AsyncDisposableStack()
  const scratch = join(store.root, 'tmp', `${store.lease.id}-${randomBytes(8).toString('hex')}`)
  stack.defer(() => rm(scratch, { recursive: true, force: true }))
  const tools = stack.use(contextTools(engine, request, { scratch, signal }))
  const main = await openMainContext(request.context, request.file, tools)
  const context = stack.use(main.context)
  const dockerfile = parseDockerfile(main.dockerfile.bytes, { filename: main.dockerfile.filename })

  const [first] = request.platforms
  const platforms = {
    build: settings.platform,
    target: first === undefined ? settings.platform : parsePlatform(first, settings.platform),
  }
  const images = await imagesAtHand(engine, basesOf(dockerfile, request, platforms), platforms.target)
  const checks = checkDockerfile(dockerfile, {
    ...checkOptions(request, platforms, images),
    ...(context.ignore === null ? {} : { ignore: context.ignore }),
    ...(measure ? { contextUsage: measureContext(context) } : {}),
  })
  return { dockerfile, checks }
}

type Platforms = Parameters<typeof checkOptions>[1]

function basesOf(dockerfile: ParsedDockerfile, request: BuildRequest, platforms: Platforms): ReadonlySet<string> {
  const { stages } = analyzeDockerfile(dockerfile, checkOptions(request, platforms, new Map()))
  return new Set(stages.flatMap(({ base }) => (base.kind === 'image' ? [base.name] : [])))
}

async function imagesAtHand(
  engine: Engine,
  names: ReadonlySet<string>,
  platform: Platform,
): Promise<ReadonlyMap<string, LocalImage>> {
  const images = new Map<string, LocalImage>()
  for (const name of names) {
    const image = await find(engine, name, platform)
    if (image !== undefined) images.set(name, image)
  }
  return images
}

async function find(engine: Engine, name: string, platform: Platform): Promise<LocalImage | undefined> {
  try {
    return await engine.images.find(name, platform)
  } catch (error) {
    // A name that fits several images is none that a build could use; the checks say what is wrong with names.
    if (hasCode(error, 'ID_AMBIGUOUS')) return undefined
    throw error
  }
}
