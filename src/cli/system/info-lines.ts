import type { Info } from '../../engine/info.ts'
import { binarySize } from '../../ui/human.ts'

/** docker's text of `info`, so far as its lines have a meaning without a daemon. */
export function infoLines(info: Info): readonly string[] {
  const { Plugins: plugins, RegistryConfig: registries } = info
  const mirrors = Object.entries(registries.Mirrors).map(([host, list]) => `  ${host}: ${list.join(', ')}`)
  return [
    'Client:',
    ` Version:    ${info.ServerVersion}`,
    '',
    'Server:',
    ` Containers: ${info.Containers}`,
    `  Running: ${info.ContainersRunning}`,
    `  Paused: ${info.ContainersPaused}`,
    `  Stopped: ${info.ContainersStopped}`,
    ` Images: ${info.Images}`,
    ` Server Version: ${info.ServerVersion} (no daemon)`,
    ` Storage Driver: ${info.Driver}`,
    ` Logging Driver: ${info.LoggingDriver}`,
    ` Cgroup Driver: ${info.CgroupDriver}`,
    ` Cgroup Version: ${info.CgroupVersion} (${info.CgroupControllers.join(', ')})`,
    ' Plugins:',
    `  Volume: ${plugins.Volume.join(' ')}`,
    `  Network: ${plugins.Network.join(' ')}`,
    `  Log: ${plugins.Log.join(' ')}`,
    ` Runtimes: ${Object.keys(info.Runtimes).join(' ')}`,
    ` Default Runtime: ${info.DefaultRuntime}`,
    ' Security Options:',
    ...info.SecurityOptions.flatMap(securityLines),
    ` Kernel Version: ${info.KernelVersion}`,
    ` Operating System: ${info.OperatingSystem}`,
    ` OSType: ${info.OSType}`,
    ` Architecture: ${info.Architecture}`,
    ` CPUs: ${info.NCPU}`,
    ` Total Memory: ${binarySize(info.MemTotal)}`,
    ` Name: ${info.Name}`,
    ` Docker Root Dir: ${info.DockerRootDir}`,
    ` Experimental: ${info.Experimental}`,
    ...(mirrors.length > 0 ? [' Registry Mirrors:', ...mirrors] : []),
    ' Insecure Registries:',
    ...registries.InsecureRegistries.map((host) => `  ${host}`),
    ...(registries.Blocked.length > 0
      ? [' Blocked Registries:', ...registries.Blocked.map((host) => `  ${host}`)]
      : []),
  ]
}

/** `name=seccomp,profile=builtin` as docker shows it: the name, below it what belongs to it. */
function securityLines(option: string): readonly string[] {
  return option.split(',').map((part) => {
    const [key = '', value = ''] = part.split('=')
    return key === 'name' ? `  ${value}` : `   ${key[0]?.toUpperCase()}${key.slice(1)}: ${value}`
  })
}
