import { describe, expect, it } from 'vitest'
import { capabilitySet } from '../../src/runtime/capabilities.ts'
import type { OciSeccomp } from '../../src/runtime/runtime-spec.ts'
import { parseSeccompProfile } from '../../src/runtime/seccomp-file.ts'
import { seccompProfile } from '../../src/runtime/seccomp-profile.ts'

const profile = seccompProfile('amd64', capabilitySet({}))

/** What the filter does with a call whose first argument is `arg`. */
function verdict({ defaultAction, syscalls }: OciSeccomp, name: string, arg = 0): string {
  const matching = syscalls.filter(({ names }) => names.includes(name))
  const rule = matching.find(({ args = [] }) => args.every((one) => holds(one, arg)))
  return rule === undefined ? defaultAction : `${rule.action}${rule.errnoRet === undefined ? '' : ` ${rule.errnoRet}`}`
}

function holds({ op, value, valueTwo }: { op: string; value: number; valueTwo?: number }, arg: number): boolean {
  if (op === 'SCMP_CMP_LT') return arg < value
  if (op === 'SCMP_CMP_GT') return arg > value
  if (op === 'SCMP_CMP_MASKED_EQ') return Number(BigInt(arg) & BigInt(value)) === valueTwo
  return arg === value
}

const cloneNewUser = 0x10000000
const sigchld = 17

describe('the default filter', () => {
  it.for([
    ['read', 0, 'SCMP_ACT_ALLOW'],
    ['mount', 0, 'SCMP_ACT_ERRNO'],
    ['bpf', 0, 'SCMP_ACT_ERRNO'],
    ['keyctl', 0, 'SCMP_ACT_ERRNO'],
    ['io_uring_setup', 0, 'SCMP_ACT_ERRNO'],
    ['chroot', 0, 'SCMP_ACT_ALLOW'],
    ['clone', sigchld, 'SCMP_ACT_ALLOW'],
    ['clone', cloneNewUser | sigchld, 'SCMP_ACT_ERRNO'],
    ['clone3', 0, 'SCMP_ACT_ERRNO 38'],
    ['unshare', 0, 'SCMP_ACT_ERRNO'],
    ['socket', 2, 'SCMP_ACT_ALLOW'],
    ['socket', 38, 'SCMP_ACT_ERRNO'],
    ['socket', 39, 'SCMP_ACT_ALLOW'],
    ['socket', 40, 'SCMP_ACT_ERRNO'],
    ['socket', 44, 'SCMP_ACT_ALLOW'],
    ['personality', 0xffffffff, 'SCMP_ACT_ALLOW'],
    ['personality', 0x4000000, 'SCMP_ACT_ERRNO'],
  ] as const)('%s(%i) is %s', ([name, arg, want]) => {
    expect(verdict(profile, name, arg)).toBe(want)
  })

  it('answers EPERM, for every architecture that the kernel answers', () => {
    expect(profile.defaultErrnoRet).toBe(1)
    expect(profile.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'])
    expect(seccompProfile('arm64', []).architectures).toEqual(['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'])
  })

  it('follows the capabilities', () => {
    const admin = seccompProfile('amd64', capabilitySet({ add: ['SYS_ADMIN'] }))
    for (const name of ['mount', 'unshare', 'bpf']) expect(verdict(admin, name)).toBe('SCMP_ACT_ALLOW')
    expect(verdict(admin, 'clone', cloneNewUser)).toBe('SCMP_ACT_ALLOW')
    expect(verdict(admin, 'clone3')).toBe('SCMP_ACT_ALLOW')
    expect(verdict(seccompProfile('amd64', []), 'chroot')).toBe('SCMP_ACT_ERRNO')
  })

  it('names no call twice', () => {
    const [first] = profile.syscalls
    expect(new Set(first?.names).size).toBe(first?.names.length)
  })
})

describe('a profile from a file', () => {
  const place = { architecture: 'amd64', capabilities: ['CAP_SYS_BOOT'] }
  const text = JSON.stringify({
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW', args: null },
      { name: 'write', action: 'SCMP_ACT_ALLOW' },
      { names: ['reboot'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_BOOT'] } },
      { names: ['mount'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } },
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38, excludes: { caps: ['CAP_SYS_ADMIN'] } },
      { names: ['cacheflush'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['arm64'] } },
    ],
  })

  it('keeps the rules that apply here', () => {
    const parsed = parseSeccompProfile(text, 'p.json', place)
    expect(parsed.syscalls.flatMap(({ names }) => names)).toEqual(['read', 'write', 'reboot', 'clone3'])
    expect(parsed.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'])
  })

  it.for([
    ['{', 'p.json'],
    ['[]', 'defaultAction'],
    ['{"syscalls":[]}', 'defaultAction'],
    ['null', 'defaultAction'],
  ])('refuses %s', ([bad, word]) => {
    expect(() => parseSeccompProfile(bad!, 'p.json', place)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(word!) }),
    )
  })
})
