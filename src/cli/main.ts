import { runCli } from './run-cli.ts'

process.exitCode = await runCli({
  argv: process.argv.slice(2),
  cwd: process.cwd(),
  env: (name) => process.env[name],
  stdin: () => process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signals: process,
})
// Sockets kept alive and the like must not hold the prompt: all output is written synchronously on Linux.
process.exit()
