import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    format: { kind: 'string', short: 'f', value: 'template', help: 'Go template or "json"' },
  },
  async run({ flags }, context) {
    const { info } = await import('../../engine/info.ts')
    const facts = await info(await context.openEngine(), context.signal)
    if (flags.format !== undefined) {
      const { formatValue } = await import('../../ui/format-value.ts')
      context.terminal.print(formatValue(flags.format, facts))
      return 0
    }
    const { binarySize } = await import('../../ui/human.ts')
    const { RegistryConfig: registries } = facts
    const mirrors = Object.entries(registries.Mirrors).map(([host, list]) => `  ${host}: ${list.join(', ')}`)
    const lines = [
      `Version: ${facts.ServerVersion} (no daemon)`,
      `Root Dir: ${facts.DockerRootDir}`,
      `Containers: ${facts.Containers}`,
      ` Running: ${facts.ContainersRunning}`,
      ` Paused: ${facts.ContainersPaused}`,
      ` Stopped: ${facts.ContainersStopped}`,
      `Images: ${facts.Images}`,
      `Storage Driver: ${facts.Driver}`,
      `Cgroup Version: ${facts.CgroupVersion} (${facts.CgroupControllers.join(', ')})`,
      `Kernel Version: ${facts.KernelVersion}`,
      `Operating System: ${facts.OperatingSystem}`,
      `Architecture: ${facts.Architecture}`,
      `CPUs: ${facts.NCPU}`,
      `Total Memory: ${binarySize(facts.MemTotal)}`,
      `Name: ${facts.Name}`,
      `Rootless: ${facts.Rootless}`,
      ...(mirrors.length > 0 ? ['Registry Mirrors:', ...mirrors] : []),
      `Insecure Registries: ${registries.InsecureRegistries.join(', ')}`,
      ...(registries.Blocked.length > 0 ? [`Blocked Registries: ${registries.Blocked.join(', ')}`] : []),
    ]
    for (const line of lines) context.terminal.printLine(line)
    return 0
  },
})
