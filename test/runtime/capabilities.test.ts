import { describe, expect, it } from 'vitest'
import { capabilitySet } from '../../src/runtime/capabilities.ts'

const byDefault = capabilitySet({})

describe('capabilitySet', () => {
  it("gives docker's fourteen by default", () => {
    expect(byDefault).toHaveLength(14)
    expect(byDefault).toContain('CAP_NET_BIND_SERVICE')
    expect(byDefault).not.toContain('CAP_SYS_ADMIN')
  })

  it.for([
    [{ add: ['net_admin'] }, [...byDefault, 'CAP_NET_ADMIN']],
    [
      { add: ['CAP_NET_ADMIN'], drop: ['chown'] },
      [...byDefault, 'CAP_NET_ADMIN'].filter((name) => name !== 'CAP_CHOWN'),
    ],
    [{ drop: ['ALL'] }, []],
    [{ drop: ['ALL'], add: ['CHOWN'] }, ['CAP_CHOWN']],
    [{ add: ['NET_RAW'], drop: ['NET_RAW'] }, byDefault],
  ] as const)('%j', ([choice, want]) => {
    expect(capabilitySet(choice).toSorted()).toEqual([...want].toSorted())
  })

  it('ALL less what is dropped', () => {
    const all = capabilitySet({ privileged: true })
    expect(all).toHaveLength(41)
    expect(capabilitySet({ add: ['ALL'], drop: ['SYS_ADMIN'] })).toEqual(all.filter((name) => name !== 'CAP_SYS_ADMIN'))
  })

  it.for([['add'], ['drop']] as const)('refuses an unknown name in %s', ([key]) => {
    expect(() => capabilitySet({ [key]: ['FLY'] })).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(`--cap-${key}`) }),
    )
  })
})
