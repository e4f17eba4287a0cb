import { evaluateMount } from '@dockerfile/parser'
import type { Mount, MountFlag, RunInstruction } from '@dockerfile/parser'
import { mainContext } from '../context/build-context.ts'
import { problemError } from '../located.ts'
import type { BuildVertex, ExecMount } from '../ops/op.ts'
import { mistake, place } from './site.ts'
import type { Site } from './site.ts'
import { cleanPath, joinPath } from './go-format.ts'
import { rootOf } from './root.ts'
import type { StageNode } from './stage-table.ts'

/** The mounts of a RUN; sources become further inputs of the step. */
export function planMounts(
  site: Site,
  instruction: RunInstruction,
  inputs: (BuildVertex | null)[],
): readonly ExecMount[] {
  let agents = 0
  return instruction.mounts.map((flag, at) => {
    const mount = planMount(site, flag, site.command.sources[at] ?? null, inputs)
    return mount.kind === 'ssh' && mount.target === '' ? { ...mount, target: `${agentSocket}.${agents++}` } : mount
  })
}

/** Where an SSH agent is found when the mount does not say; a number follows. */
const agentSocket = '/run/buildkit/ssh_agent'

function planMount(site: Site, flag: MountFlag, source: StageNode | null, inputs: (BuildVertex | null)[]): ExecMount {
  const { dockerfile, buildArgs } = site.request
  const evaluated = evaluateMount(flag, site.state.env, { escape: dockerfile.directives.escape })
  if (!evaluated.ok) throw problemError(dockerfile, place(site, evaluated.range), evaluated.problem)
  const mount = evaluated.value
  const owner = { uid: mount.uid ?? 0, gid: mount.gid ?? 0 }
  switch (mount.type) {
    case 'tmpfs':
      return { kind: 'tmpfs', target: targetOf(site, flag, mount), size: mount.size ?? 0 }
    case 'secret': {
      const id = mount.source ?? mount.id ?? baseName(mount.target ?? '')
      const target = mount.target ?? (mount.env === undefined ? `/run/secrets/${baseName(id)}` : undefined)
      return {
        kind: 'secret',
        id,
        required: mount.required,
        ...(target === undefined ? {} : { target: absolute(site, target) }),
        ...(mount.env === undefined ? {} : { env: mount.env }),
        ...owner,
        mode: mount.mode ?? 0o400,
      }
    }
    case 'ssh': {
      const target = mount.target === undefined ? '' : absolute(site, mount.target)
      return {
        kind: 'ssh',
        id: mount.id ?? 'default',
        required: mount.required,
        target,
        ...owner,
        mode: mount.mode ?? 0o600,
      }
    }
    case 'cache': {
      const target = targetOf(site, flag, mount)
      const namespace = buildArgs.get('BUILDKIT_CACHE_MOUNT_NS') ?? ''
      const from = mount.from === undefined ? undefined : addInput(site, flag, source, mount, inputs)
      return {
        kind: 'cache',
        id: `${namespace}/${mount.id ?? cleanPath(mount.target ?? '')}`,
        sharing: mount.sharing ?? 'shared',
        ...(from === undefined ? {} : { input: from }),
        source: sourceOf(mount),
        target,
        readonly: mount.readonly,
        ...cacheOwner(mount),
      }
    }
    case 'bind':
      return {
        kind: 'bind',
        input: addInput(site, flag, source, mount, inputs),
        source: sourceOf(mount),
        target: targetOf(site, flag, mount),
        readonly: mount.readonly,
      }
  }
}

/** The stage, image or context that the mount shows; its step becomes an input. */
function addInput(
  site: Site,
  flag: MountFlag,
  source: StageNode | null,
  mount: Mount,
  inputs: (BuildVertex | null)[],
): number {
  inputs.push(inputVertex(site, flag, source, mount))
  return inputs.length - 1
}

function inputVertex(site: Site, flag: MountFlag, source: StageNode | null, mount: Mount): BuildVertex | null {
  const range = place(site, flag.range)
  if (mount.from === undefined) {
    site.contexts.add(mainContext)
    return rootOf({ kind: 'context', name: mainContext }, sourceOf(mount), range)
  }
  if (source === null) return null
  if (source.state === undefined || !source.done) {
    const message = `Stage "${mount.from}" is mounted before it is defined`
    throw mistake(site, flag.range, 'STAGE_ORDER', message, 'Move it above this stage')
  }
  if (source.state.source.kind === 'context') site.contexts.add(source.state.source.name)
  return rootOf(source.state.source, sourceOf(mount), range)
}

/** As in BuildKit a cache that starts at a folder of something has that folder's owner and mode. */
function cacheOwner(mount: Mount): Pick<Extract<ExecMount, { readonly kind: 'cache' }>, 'owner'> {
  const { uid, gid, mode } = mount
  if (sourceOf(mount) !== '/' || (uid ?? gid ?? mode) === undefined) return {}
  return { owner: { uid: uid ?? 0, gid: gid ?? 0, mode: mode ?? 0o755 } }
}

function sourceOf(mount: Mount): string {
  return joinPath('/', mount.source ?? '')
}

function targetOf(site: Site, flag: MountFlag, mount: Mount): string {
  const target = absolute(site, mount.target ?? '')
  if (target === '/')
    throw mistake(site, flag.range, 'MOUNT_INVALID', 'A mount cannot replace the root', 'Name a target')
  return target
}

/** Relative targets start at the working directory. */
function absolute(site: Site, path: string): string {
  return path.startsWith('/') ? cleanPath(path) : joinPath('/', site.state.workdir, path)
}

function baseName(path: string): string {
  return cleanPath(path).split('/').at(-1) ?? ''
}
