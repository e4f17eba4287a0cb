import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startRegistry } from '../helpers/registry.ts'
import { openCli, standIns } from '../helpers/tsbuild.ts'

const hostFiles = ['/etc/resolv.conf', '/etc/hosts', '/etc/hostname'] as const
const script = hostFiles.map((path) => `echo overwritten > ${path}`).join('; ')

it.for([
  ['RUN', ['build', '--no-cache']],
  ['RUN with the network of the host', ['build', '--no-cache', '--network', 'host', '--allow', 'network.host']],
  ['RUN without a network', ['build', '--no-cache', '--network', 'none']],
  ['a container', ['run', '--rm']],
  ['a container with the network of the host', ['run', '--rm', '--network', 'host']],
] as const)('%s cannot write to hosts, resolv.conf and hostname of the machine', async ([, args]) => {
  await using hub = await startRegistry({ seed: standIns })
  await using cli = openCli({ hub: hub.origin })
  const before = hostFiles.map((path) => ({ path, text: readFileSync(path), mode: statSync(path).mode }))
  try {
    const context = cli.files('context', { Dockerfile: `FROM debian:bookworm\nRUN ${script}\n` })
    if (args[0] === 'build') await cli.ok(...args, context)
    else await cli.ok(...args, 'debian:bookworm', 'sh', '-c', script)
    expect(hostFiles.map((path) => readFileSync(path, 'utf8'))).toEqual(before.map(({ text }) => text.toString()))
  } finally {
    for (const { path, text } of before) if (!readFileSync(path).equals(text)) writeFileSync(path, text)
  }
})
