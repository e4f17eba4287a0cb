import type { NetworkPlan } from '../../network/network-plan.ts'
import type { EtcFiles } from '../../runtime/sandbox.ts'

export interface NetworkRequest {
  /** Names the step's sandbox. */
  readonly id: string
  readonly mode: 'default' | 'none' | 'host'
  readonly hosts: readonly { readonly name: string; readonly address: string }[]
  /** Empty: a name of our own. */
  readonly hostname: string
}

/** A step's connection and the files in /etc that go with it; given back when disposed. */
export interface StepNetwork extends AsyncDisposable {
  readonly plan: NetworkPlan
  readonly hostname: string
  readonly etc: EtcFiles
}

export interface StepNetworks {
  connect(request: NetworkRequest): Promise<StepNetwork>
}
