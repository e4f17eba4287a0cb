import { describe, expect, it } from 'vitest'
import { linkEnv } from '../../src/container/link-env.ts'

const place = { alias: 'data-base', address: '172.17.0.2' }

describe('the variables of a link', () => {
  it('name ports, container and its variables', () => {
    const env = ['A=b', 'PATH=/bin', 'HOME=/root', 'EMPTY=']
    expect(linkEnv('web', { ...place, exposed: ['5432/tcp'], env })).toEqual([
      'DATA_BASE_PORT=tcp://172.17.0.2:5432',
      'DATA_BASE_PORT_5432_TCP=tcp://172.17.0.2:5432',
      'DATA_BASE_PORT_5432_TCP_ADDR=172.17.0.2',
      'DATA_BASE_PORT_5432_TCP_PORT=5432',
      'DATA_BASE_PORT_5432_TCP_PROTO=tcp',
      'DATA_BASE_NAME=/web/data-base',
      'DATA_BASE_ENV_A=b',
      'DATA_BASE_ENV_EMPTY=',
    ])
  })

  it('sum up neighbours of one protocol', () => {
    const variables = linkEnv('web', { ...place, exposed: ['82/udp', '81/tcp', '80/tcp'], env: [] })
    expect(variables[0]).toBe('DATA_BASE_PORT=tcp://172.17.0.2:80')
    expect(variables.filter((entry) => /START|END/.test(entry))).toEqual([
      'DATA_BASE_PORT_80_TCP_START=tcp://172.17.0.2:80',
      'DATA_BASE_PORT_80_TCP_PORT_START=80',
      'DATA_BASE_PORT_80_TCP_END=tcp://172.17.0.2:81',
      'DATA_BASE_PORT_80_TCP_PORT_END=81',
    ])
    expect(variables).toContain('DATA_BASE_PORT_82_UDP=udp://172.17.0.2:82')
  })

  it('are few without ports', () => {
    expect(linkEnv('web', { ...place, exposed: [], env: [] })).toEqual(['DATA_BASE_NAME=/web/data-base'])
  })
})
