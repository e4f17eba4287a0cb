import { describe, expect, it } from 'vitest'
import { bridgeOptions } from '../../src/network/bridge-options.ts'

const docker = 'com.docker.network'

describe('options of a bridge', () => {
  it('have defaults, and what is not known means nothing', () => {
    expect(bridgeOptions({ [`${docker}.bridge.default_bridge`]: 'x', color: 'red' })).toEqual({
      name: undefined,
      masquerade: true,
      mtu: 0,
      isolated: false,
      open: false,
      hostIp: '',
      interfacePrefix: 'eth',
    })
  })

  it('are read by their names of docker', () => {
    const options = {
      [`${docker}.bridge.name`]: 'mine0',
      [`${docker}.bridge.enable_ip_masquerade`]: 'false',
      [`${docker}.bridge.enable_icc`]: '0',
      [`${docker}.bridge.host_binding_ipv4`]: '127.0.0.1',
      [`${docker}.driver.mtu`]: '1400',
      [`${docker}.container_iface_prefix`]: 'net',
      'tsbuild.firewall': 'open',
    }
    expect(bridgeOptions(options)).toEqual({
      name: 'mine0',
      masquerade: false,
      mtu: 1400,
      isolated: true,
      open: true,
      hostIp: '127.0.0.1',
      interfacePrefix: 'net',
    })
  })

  it.for([
    [`${docker}.bridge.name`, 'sixteen-letters-'],
    [`${docker}.bridge.name`, 'a:b'],
    [`${docker}.bridge.enable_icc`, 'maybe'],
    [`${docker}.bridge.enable_ip_masquerade`, ''],
    [`${docker}.driver.mtu`, '67'],
    [`${docker}.driver.mtu`, '9k'],
    [`${docker}.container_iface_prefix`, 'thirteen-chars'],
    ['tsbuild.firewall', 'off'],
  ] as const)('%s=%s is refused', ([key, value]) => {
    expect(() => bridgeOptions({ [key]: value })).toThrow(
      expect.objectContaining({
        code: 'NETWORK_INVALID',
        message: expect.stringContaining(`"${value}" for the option ${key}`),
      }),
    )
  })
})
