import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'

// Compiled code is kept from run to run, which takes a third off the start. A shared directory would let other users plant code, so it
// is the user's own. What cannot be cached is compiled again.
const cacheHome = process.getuid!() === 0 ? '/var/cache' : (process.env['XDG_CACHE_HOME'] ?? `${homedir()}/.cache`)
enableCompileCache(`${cacheHome}/tsbuild/node`)
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
