import type { WorkdirInstruction } from '@dockerfile/parser'
import type { Op } from '../ops/op.ts'
import { makeVertex } from '../solver/vertex.ts'
import { expandHere, ignoresCache, place } from './site.ts'
import type { Site } from './site.ts'
import { resolveWorkdir } from './paths.ts'
import { rootOf } from './root.ts'
import { addHistory } from './stage-state.ts'
import { nameStep, showInstruction } from './step-name.ts'
import { clampOf } from './epoch.ts'

/** WORKDIR: changes the directory and makes it, with the user's ownership where a USER is set. */
export function dispatchWorkdir(site: Site, instruction: WorkdirInstruction): void {
  const { state, request, node, command } = site
  const path = resolveWorkdir(state.image.config.WorkingDir ?? '', expandHere(site, instruction.path))
  const user = state.image.config.User ?? ''
  state.image = { ...state.image, config: { ...state.image.config, WorkingDir: path } }
  state.workdir = path
  if (path === '/') return addHistory(state, `WORKDIR ${path}`)

  const range = place(site, instruction.range)
  const text = showInstruction(instruction.code, state.env, {
    escape: request.dockerfile.directives.escape,
    verbatim: false,
  })
  const op: Op = {
    kind: 'files',
    detached: false,
    actions: [{ op: 'mkdir', path, mode: 0o755, owner: user }],
    ...clampOf(request),
  }
  const vertex = makeVertex(op, [rootOf(state.source, '/', range)], {
    name: nameStep(node, text, {
      platform: state.platform,
      targetPlatform: request.targetPlatform,
      multiPlatform: request.multiPlatform,
      onbuild: command.onbuild,
    }),
    ignoreCache: ignoresCache(site),
    range,
  })
  addHistory(state, `WORKDIR ${path}`, vertex)
}
