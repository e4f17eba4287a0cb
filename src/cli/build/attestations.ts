import { booleanOption, keyValues } from '../../build/options/key-values.ts'
import type { Input } from '../command.ts'
import type { buildFlags } from './build-flags.ts'

/** True when attestations are asked for, by `--attest` or its shorthands. USAGE. */
export function wantsAttestations({
  attest,
  provenance,
  sbom,
}: Pick<Input<typeof buildFlags>['flags'], 'attest' | 'provenance' | 'sbom'>): boolean {
  const wanted = attest.some((text) => {
    const disabled = keyValues('--attest', text).get('disabled')
    return disabled === undefined || !booleanOption('--attest', 'disabled', disabled)
  })
  return wanted || [provenance, sbom].some((text) => text !== undefined && !/^(0|f|false)$/i.test(text))
}
