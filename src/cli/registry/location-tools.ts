import type { Emit } from '../../base/events.ts'
import type { LocationTools } from '../../engine/open-location.ts'
import type { RegistryClient } from '../../registry/client.ts'
import type { CommandContext } from '../command.ts'
import { openOutputFile } from '../../base/output-file.ts'

/** A registry client for a command that does not open the store. */
export async function openClient(context: CommandContext): Promise<RegistryClient> {
  const { openRegistryClient } = await import('../../engine/open-registry-client.ts')
  return openRegistryClient(context.settings)
}

/** What the registry verbs need, opened as it is asked for; output files get their names when `keep` is called. */
export interface OpenTools extends AsyncDisposable {
  readonly tools: LocationTools
  keep(): Promise<void>
}

export async function openLocationTools(context: CommandContext, emit: Emit): Promise<OpenTools> {
  await using stack = new AsyncDisposableStack()
  const client = stack.use(await openClient(context))
  const outputs: { keep(): Promise<void> }[] = []
  const owned = stack.move()
  return {
    tools: {
      client,
      engine: () => context.openEngine(),
      async openOutput(path) {
        const file = owned.use(await openOutputFile(path, context.signal))
        outputs.push(file)
        return file.stream
      },
      emit,
      signal: context.signal,
    },
    async keep() {
      for (const output of outputs) await output.keep()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
