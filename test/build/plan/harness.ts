import { parseDockerfile } from '@dockerfile/parser'
import { TsbuildError } from '../../../src/base/errors.ts'
import type { BuildVertex } from '../../../src/build/ops/op.ts'
import { planBuild } from '../../../src/build/plan/plan.ts'
import type { BuildPlan, PlanRequest } from '../../../src/build/plan/request.ts'
import { walkVertices } from '../../../src/build/solver/vertex.ts'
import { sha256 } from '../../../src/oci/digest.ts'
import type { ContainerConfig, ImageConfig, Platform } from '../../../src/oci/types.ts'

export const amd64: Platform = { os: 'linux', architecture: 'amd64' }

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Images that these tests know. */
const images: Readonly<Record<string, ContainerConfig>> = {
  busybox: { Env: [path], Cmd: ['sh'] },
  bare: {},
  rich: {
    Env: [path, 'BASE=1'],
    Cmd: ['base-cmd'],
    Entrypoint: ['/base-ep'],
    WorkingDir: '/data',
    User: 'app',
    Labels: { base: 'yes' },
    ExposedPorts: { '80/tcp': {} },
    Volumes: { '/vol': {} },
    Shell: ['/bin/sh', '-ec'],
    Healthcheck: { Test: ['CMD', 'true'], Retries: 2 },
    OnBuild: ['ENV TRIG=fired', 'COPY trig.txt /trig'],
  },
}

export type PlanOptions = Partial<Omit<PlanRequest, 'dockerfile' | 'buildArgs'>> & {
  readonly buildArgs?: Readonly<Record<string, string>>
}

/** Plans a Dockerfile text; images come from the table above. `asked` tells which were looked up. */
export async function plan(text: string, options: PlanOptions = {}, asked: string[] = []): Promise<BuildPlan> {
  const request: PlanRequest = {
    labels: {},
    buildPlatform: amd64,
    targetPlatform: amd64,
    explicitPlatform: false,
    multiPlatform: false,
    network: 'default',
    hosts: [],
    noCache: false,
    contexts: new Map(),
    allowInsecure: false,
    allowHostNetwork: false,
    ...options,
    buildArgs: new Map(Object.entries(options.buildArgs ?? {})),
    dockerfile: parseDockerfile(text, { filename: 'Dockerfile' }),
  }
  return planBuild(request, async (reference, platform) => {
    asked.push(`${reference} ${platform.architecture}`)
    const config = images[reference.replace(/:latest$/, '')]
    if (config === undefined) throw new TsbuildError('IMAGE_NOT_FOUND', `no image "${reference}"`, { hint: 'look' })
    const image: ImageConfig = {
      ...platform,
      config,
      rootfs: { type: 'layers', diff_ids: reference === 'bare' ? [] : [sha256(reference)] },
      history: [{ created: '2020-01-01T00:00:00Z', created_by: 'base' }],
    }
    return {
      name: `docker.io/library/${reference}`,
      manifest: sha256(`${reference} ${platform.architecture}`),
      config: image,
    }
  })
}

/** Every vertex of a plan, inputs first: what it does, in one line. */
export function steps({ target }: BuildPlan): string[] {
  return [...walkVertices([target])].map((vertex) => show(vertex))
}

export function names({ target }: BuildPlan): string[] {
  return [...walkVertices([target])].map((vertex) => vertex.label.name)
}

/** The op of the last step. */
export function lastOp({ target }: BuildPlan): BuildVertex['op'] {
  if (target === null) throw new Error('The plan has no step')
  return target.op
}

export function history({ image }: BuildPlan): (string | undefined)[] {
  return image.history.slice(1).map((entry) => entry.created_by)
}

function show({ op, inputs }: BuildVertex): string {
  switch (op.kind) {
    case 'image':
      return 'image'
    case 'exec':
      return `exec ${op.args.join(' ')}`
    case 'http':
      return `http ${op.url}`
    case 'git':
      return `git ${op.remote}`
    case 'files':
      return op.actions
        .map((action) => {
          if (action.op === 'mkdir') return `mkdir ${action.path}`
          if (action.op === 'write') return `write ${action.dest} ${JSON.stringify(action.data)}`
          const from =
            action.from.kind === 'context' ? action.from.name : (inputs[action.from.index]?.op.kind ?? 'scratch')
          return `copy ${from}:${action.sources.map((source) => source.path).join(',')} ${action.dest}`
        })
        .join('; ')
  }
}
