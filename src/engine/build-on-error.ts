import type { ExecServices, FailedStep } from '../build/ops/exec-operation.ts'
import { layerOf } from '../build/ops/files-operation.ts'
import type { RunContext } from '../build/solver/operation.ts'
import { parsePlatform } from '../oci/platform.ts'
import { familiarReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { BuildRequest } from './build-request.ts'
import type { Engine } from './engine.ts'

/** Shells that are tried, in this order, in a step that failed. */
const shells = ['/bin/bash', '/bin/sh', '/bin/ash']

/** `--on-error`: opens a shell in the failed step, or keeps the step as an image whose variables, directory and user are the step's. */
export function failureHandler(
  engine: Engine,
  onError: NonNullable<BuildRequest['onError']>,
): NonNullable<ExecServices['onFailure']> {
  return (failure, context) =>
    onError.kind === 'shell' ? openShell(failure, context) : keepImage(engine, onError.name, failure, context)
}

async function openShell({ op, enter }: FailedStep, { emit, id }: RunContext): Promise<void> {
  const data = Buffer.from(
    `The step failed. A shell is opened in it; leave it with "exit". The command was: ${op.args.join(' ')}\n`,
  )
  emit({ kind: 'vertex-log', id, stream: 'stderr', data, at: Date.now() })
  const search = shells.map((shell) => `[ -x ${shell} ] && exec ${shell}`).join('; ')
  await enter(['/bin/sh', '-c', search])
}

async function keepImage(
  engine: Engine,
  name: string,
  { op, active }: FailedStep,
  { emit, signal }: RunContext,
): Promise<void> {
  const { native, images, snapshots, settings } = engine
  const reference = withDefaultTag(parseReference(name))
  const commit = { clampMtime: null }
  const layer = layerOf(await native.call('files', { target: active.tree, actions: [], commit }, { signal }))
  const top = await active.commit(layer)
  await images.create({
    config: {
      ...parsePlatform(op.platform, settings.platform),
      created: new Date().toISOString(),
      config: { Env: op.env, WorkingDir: op.cwd, User: op.user, Cmd: op.args },
      rootfs: { type: 'layers', diff_ids: snapshots.diffIds(top.id) },
    },
    top,
    names: [reference],
    format: 'oci',
  })
  emit({ kind: 'notice', level: 'info', text: `The failed step is kept as image "${familiarReference(reference)}"` })
}
