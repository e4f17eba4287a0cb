import { TsbuildError } from '../../base/errors.ts'
import { invalidFlag } from '../../base/flag-error.ts'
import type { Input } from '../command.ts'
import type { containerFlags } from './container-flags.ts'

type ContainerFlags = Input<typeof containerFlags>['flags']

/** Refused rather than ignored: the user would believe that it is there. USAGE, FEATURE_MISSING. */
export function refuseUnknown(flags: ContainerFlags): void {
  only('--userns', flags.userns, 'host', 'unknown mode')
  refuseIsolation(flags.isolation ?? '')
  only('--volume-driver', flags['volume-driver'], 'local', 'only the driver "local" exists')
  if (flags.gpus !== undefined) {
    throw new TsbuildError('FEATURE_MISSING', 'could not select device driver "" with capabilities: [[gpu]]', {
      hint: 'Add the devices of the GPU with --device',
    })
  }
  if (flags['use-api-socket']) {
    throw new TsbuildError('FEATURE_MISSING', '--use-api-socket: there is no daemon, so there is no socket of its API')
  }
  if (!flags['disable-content-trust']) {
    throw new TsbuildError('FEATURE_MISSING', '--disable-content-trust=false: signatures of notary are not verified', {
      hint: 'Name the image by its digest: NAME@sha256:…',
    })
  }
}

/** The word is docker's, for Windows; buildah has chroot, of which a container would be none: nothing holds it, and nothing can tell what belongs to it. */
function refuseIsolation(name: string): void {
  if (name === '' || name.toLowerCase() === 'default') return
  const hint =
    name === 'chroot'
      ? 'Without namespaces nothing would hold a container, and nobody could stop it for certain: only RUN steps have it, "tsbuild build --isolation=chroot"'
      : 'The value is default'
  throw new TsbuildError('USAGE', `invalid isolation (${name}): linux only supports 'default'`, { hint })
}

function only(flag: string, text: string | undefined, value: string, why: string): void {
  if (text === undefined || text === '' || text === value) return
  throw invalidFlag(flag, text, why, `The value is ${value}`)
}

/** Flags that say different things about one matter, in docker's words. USAGE. */
export function refuseConflicts(flags: ContainerFlags): void {
  if (flags.rm && flags.restart !== undefined && flags.restart !== '' && flags.restart !== 'no')
    throw conflict('cannot specify both --restart and --rm')
  if (flags.uts === 'host') {
    if (flags.hostname !== undefined) throw conflict('hostname and the UTS mode')
    if (flags.domainname !== undefined) throw conflict('domainname and the UTS mode')
  }
  if (flags.link.length > 0 && flags.network.some((name) => name === 'host'))
    throw conflict("host type networking can't be used with links. This would result in undefined behavior")
  if (flags.network.some((name) => name.startsWith('container:'))) refuseOwnNetwork(flags)
}

/** Whoever joins the network of another container takes it as it is. */
function refuseOwnNetwork(flags: ContainerFlags): void {
  const asked: readonly (readonly [boolean, string])[] = [
    [flags.hostname !== undefined, 'hostname and the network mode'],
    [flags.dns.length > 0, 'dns and the network mode'],
    [flags['add-host'].length > 0, 'custom host-to-IP mapping and the network mode'],
    [flags.link.length > 0, "container type network can't be used with links. This would result in undefined behavior"],
    [flags.publish.length > 0 || flags['publish-all'], 'port publishing and the container type network mode'],
    [flags.expose.length > 0, 'port exposing and the container type network mode'],
  ]
  const found = asked.find(([isAsked]) => isAsked)
  if (found !== undefined) throw conflict(found[1])
}

function conflict(what: string): TsbuildError {
  return new TsbuildError('USAGE', `conflicting options: ${what}`)
}
