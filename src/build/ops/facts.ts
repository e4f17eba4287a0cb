import { canonicalJson } from '../../base/canonical-json.ts'
import type { Json } from '../../base/canonical-json.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Fact, InputUse } from '../solver/operation.ts'
import type { BuildVertex, ExecMount, ExecOp, FileAction, FilesOp } from './op.ts'

/** Longer values are named by their digest. */
const longestClearValue = 256

/** What a step stands on; all of it counts. */
export function baseUse({ inputs: [base] }: BuildVertex): InputUse {
  return { name: 'base', ...(base?.op.kind === 'image' ? { origin: base.op.manifest } : {}) }
}

/** What decides the result of a RUN, besides its inputs. Values of variables and inline documents are digests. */
export function execFacts(op: ExecOp): readonly Fact[] {
  return [
    fact('command', op.args),
    ...op.env.map((entry) => {
      const at = entry.indexOf('=')
      return { name: `variable ${entry.slice(0, at)}`, value: sha256(entry.slice(at + 1)) }
    }),
    fact('working directory', op.cwd),
    fact('user', op.user),
    ...op.mounts.map(mountFact),
    fact('network', op.network),
    fact('security', op.security),
    ...op.devices.map(({ name, required }) => fact(`device ${name}`, required)),
    ...op.hosts.map(({ name, address }) => fact(`host ${name}`, address)),
    fact('hostname', op.hostname),
    fact('platform', op.platform),
    ...clampFact(op),
  ]
}

/** What decides the result of COPY, ADD and WORKDIR, besides inputs and the content that contexts give. */
export function filesFacts(op: FilesOp): readonly Fact[] {
  const several = op.actions.length > 1
  return [
    ...op.actions.flatMap((action, at) => {
      const prefix = several ? `${at + 1}. ` : ''
      return actionFacts(action).map(({ name, value }) => ({ name: prefix + name, value }))
    }),
    fact('link', op.detached),
    ...clampFact(op),
  ]
}

/** Name of the fact that is the digest of what the action at `at` selects in a build context. */
export function selectionFact({ actions }: FilesOp, at: number): string {
  return actions.length > 1 ? `${at + 1}. files` : 'files'
}

function actionFacts(action: FileAction): readonly Fact[] {
  switch (action.op) {
    case 'mkdir':
      return [fact('working directory', action.path), fact('mode', action.mode), fact('owner', action.owner)]
    case 'write':
      return [
        { name: `document ${action.name}`, value: sha256(action.data) },
        fact('destination', action.dest),
        fact('mode', action.mode),
        fact('owner', action.owner),
        fact('chmod', action.chmod),
      ]
    case 'copy':
      return [
        // Before the sources, which have a pivot with it.
        fact('parents', action.parents),
        fact('sources', action.sources as unknown as Json),
        fact('source root', action.from),
        fact('destination', action.dest),
        fact('owner', action.owner),
        fact('chmod', action.chmod),
        fact('exclude', action.exclude),
        fact('archives', action.archives),
      ]
  }
}

/** A mount by its place among the flags, so that another target is a change of it, not another mount. */
function mountFact(mount: ExecMount, at: number): Fact {
  return fact(`mount ${at + 1}`, mount)
}

function clampFact({ clamp }: { readonly clamp?: number }): readonly Fact[] {
  return clamp === undefined ? [] : [fact('SOURCE_DATE_EPOCH', clamp)]
}

export function fact(name: string, value: Json): Fact {
  const text = typeof value === 'string' ? value : canonicalJson(value)
  return { name, value: text.length > longestClearValue ? sha256(text) : text }
}
