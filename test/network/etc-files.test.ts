import { describe, expect, it } from 'vitest'
import { hostsFile, parseResolvConf, resolvConf } from '../../src/network/etc-files.ts'

it('hosts has the local names first', () => {
  expect(hostsFile([{ address: '10.0.0.2', names: ['box.example', 'box'] }])).toBe(
    '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n' +
      'ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n10.0.0.2\tbox.example box\n',
  )
})

describe('resolv.conf', () => {
  it('is read as the C library reads it: comments go, the last search wins, options add up, "search ." is none', () => {
    const text =
      '# c\nnameserver 1.1.1.1 ; x\nsearch a b\noptions ndots:2\nsearch .\nnameserver ::1\noptions rotate\nnameserver\n'
    expect(parseResolvConf(text)).toEqual({ servers: ['1.1.1.1', '::1'], search: [], options: ['ndots:2', 'rotate'] })
  })

  it('is written without empty lines', () => {
    expect(resolvConf({ servers: ['1.1.1.1'], search: [], options: ['ndots:0'] })).toBe(
      'nameserver 1.1.1.1\noptions ndots:0\n',
    )
  })
})
