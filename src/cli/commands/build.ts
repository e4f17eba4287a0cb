import { TsbuildError } from '../../base/errors.ts'
import { chrootWarning } from '../isolation.ts'
import { buildFlags } from '../build/build-flags.ts'
import type { Command } from '../command.ts'
import { defineCommand } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTEXT', optional: true, complete: 'directory' }],
  flags: buildFlags,
  details:
    'CONTEXT is a folder (default "."), "-" for a Dockerfile or an archive on stdin, the URL of either, or a git repository.',
  examples: [
    'tsbuild build -t web .',
    'tsbuild build -t web:1.0 --build-arg VERSION=1.0 --target release services/web',
    'tsbuild build -t tool https://github.com/owner/tool.git#v2:cli',
  ],
  async run(input, context) {
    const { readBuildRequest } = await import('../build/build-request.ts')
    const request = await readBuildRequest(input, context)
    const stdoutTaken = request.outputs.some((output) => 'dest' in output && output.dest === '-')
    if (stdoutTaken && context.terminal.isTty(1)) {
      const hint = 'Name a file with dest=FILE, or redirect'
      throw new TsbuildError('USAGE', 'Cannot write the output to a terminal', { hint })
    }
    if (input.flags.check || input.flags.call !== undefined) {
      const { readCall, runCall } = await import('../build/call.ts')
      const call = readCall(input.flags.check, input.flags.call)
      if (call.method !== 'build') return runCall({ ...call, method: call.method }, request, context)
    }
    const { wantsAttestations } = await import('../build/attestations.ts')
    if (wantsAttestations(input.flags)) {
      const text = 'No attestations are made: the image has neither provenance nor SBOM'
      context.emit({ kind: 'notice', level: 'warning', text })
    }
    if (request.limits.isolation === 'chroot') context.emit({ kind: 'notice', level: 'warning', text: chrootWarning })
    const { openBuildProgress } = await import('../../ui/progress/progress.ts')
    const { build } = await import('../../engine/build.ts')
    const engine = await context.openEngine()
    const { flags } = input
    const progress = await openBuildProgress(flags.quiet ? 'quiet' : flags.progress, context.terminal)
    const result = await (async () => {
      using shown = progress
      return await build(engine, request, { emit: shown.emit, signal: context.signal })
    })()
    const { reportBuild } = await import('../build/report-build.ts')
    await reportBuild(result, flags, { ...context, stdoutTaken })
    return 0
  },
})
