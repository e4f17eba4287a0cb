import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { commit } from '../base/version.ts'

// Sources that run directly are stripped of their types and compiled once. The folder is the user's own: a shared one would let others
// plant code. Bundles keep their code themselves (start/).
if (commit === 'source') {
  const cacheHome = process.getuid!() === 0 ? '/var/cache' : (process.env['XDG_CACHE_HOME'] ?? `${homedir()}/.cache`)
  enableCompileCache(`${cacheHome}/tsbuild/node`)
}
void main()

async function main(): Promise<never> {
  // Loaded only now, so that it comes from the cache.
  const { runCli } = await import('./run-cli.ts')
  const status = await runCli({
    argv: process.argv.slice(2),
    cwd: process.cwd(),
    env: (name) => process.env[name],
    stdin: () => process.stdin,
    stdout: () => process.stdout,
    stderr: () => process.stderr,
    signals: process,
  })
  // Sockets kept alive and the like must not hold the prompt: all output has been written when the command ends.
  process.exit(status)
}
