import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails, targetFlag, writeFlags } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'SOURCE' }],
  flags: {
    ...targetFlag,
    env: { kind: 'string', short: 'e', repeat: true, value: 'NAME=VALUE', help: 'Set a variable' },
    'env-rm': { kind: 'string', repeat: true, value: 'NAME', help: 'Remove a variable' },
    label: { kind: 'string', short: 'l', repeat: true, value: 'NAME=VALUE', help: 'Set a label' },
    'label-rm': { kind: 'string', repeat: true, value: 'NAME', help: 'Remove a label' },
    annotation: {
      kind: 'string',
      short: 'a',
      repeat: true,
      value: 'NAME=VALUE',
      help: 'Set an annotation of the manifest',
    },
    'annotation-rm': { kind: 'string', repeat: true, value: 'NAME', help: 'Remove an annotation' },
    entrypoint: {
      kind: 'string',
      value: 'JSON',
      help: 'Set the entrypoint: a word or a JSON list; takes the command away',
    },
    cmd: { kind: 'string', value: 'JSON', help: 'Set the command: a word or a JSON list' },
    user: { kind: 'string', short: 'u', value: 'USER', help: 'Set the user' },
    workdir: { kind: 'string', short: 'w', value: 'PATH', help: 'Set the working directory' },
    expose: { kind: 'string', repeat: true, value: 'PORT[/PROTO]', help: 'Add an exposed port' },
    volume: { kind: 'string', repeat: true, value: 'PATH', help: 'Add a volume' },
    'stop-signal': { kind: 'string', value: 'SIGNAL', help: 'Set the stop signal' },
    created: { kind: 'string', value: 'TIME', help: 'Set all times of the config (RFC 3339)' },
    ...writeFlags,
  },
  details: `Layers are not touched. All images of an index are changed. ${locationDetails}`,
  examples: [
    'tsbuild registry mutate --label team=web -t registry.example.com/app:labelled registry.example.com/app:1.0',
  ],
  async run({ flags, args: [source = ''] }, context) {
    const { registryMutate } = await import('../../engine/registry-mutate.ts')
    const { runWrite } = await import('../registry/run-write.ts')
    const { words } = await import('../registry/pairs.ts')
    const { entrypoint, cmd, user, workdir, created } = flags
    const changes = {
      env: flags.env,
      removeEnv: flags['env-rm'],
      labels: flags.label,
      removeLabels: flags['label-rm'],
      annotations: flags.annotation,
      removeAnnotations: flags['annotation-rm'],
      expose: flags.expose,
      volumes: flags.volume,
      ...(entrypoint === undefined ? {} : { entrypoint: words('entrypoint', entrypoint) }),
      ...(cmd === undefined ? {} : { cmd: words('cmd', cmd) }),
      ...(user === undefined ? {} : { user }),
      ...(workdir === undefined ? {} : { workdir }),
      ...(flags['stop-signal'] === undefined ? {} : { stopSignal: flags['stop-signal'] }),
      ...(created === undefined ? {} : { created }),
    }
    return runWrite(context, flags, async (tools) => [
      await registryMutate(tools, { source, target: flags.tag, changes, dryRun: flags['dry-run'] }),
    ])
  },
})
