import type { ContainerNetworks } from '../container/container-networks.ts'

export function containerNetworks(): ContainerNetworks {
  return {
    check: () => {},
    join: async (container) => ({
      plan: { mode: container.spec.network.mode === 'host' ? 'host' : 'none' },
      etc: {},
    }),
    release: () => {},
    endpoints: () => [],
    ports: ({ spec }) => spec.network.ports,
  }
}
