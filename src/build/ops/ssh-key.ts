import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import { TsbuildError, messageOf } from '../../base/errors.ts'
import { SshReader, sshInteger, sshString } from './ssh-wire.ts'

/** A private key that signs for an SSH agent's clients. */
export interface SshKey {
  /** The public key as SSH sends it (RFC 4253, section 6.6). */
  readonly publicBlob: Buffer
  readonly comment: string
  /** Signs as the agent protocol asks; `flags` choose the hash of RSA (2: SHA-256, 4: SHA-512). */
  sign(data: Uint8Array, flags: number): Buffer
}

const opensshBegin = '-----BEGIN OPENSSH PRIVATE KEY-----'
const opensshEnd = '-----END OPENSSH PRIVATE KEY-----'
const magic = 'openssh-key-v1\0'

/** Reads a private key without passphrase: OpenSSH's own format, PKCS#8, PKCS#1 or SEC 1. SECRET_MISSING when it cannot be used. */
export function readSshKey(text: string, title: string): SshKey {
  try {
    const { jwk, comment } = text.includes(opensshBegin)
      ? readOpenSsh(text)
      : { jwk: createPrivateKey(text).export({ format: 'jwk' }), comment: title }
    return toSshKey(createPrivateKey({ key: jwk, format: 'jwk' }), comment === '' ? title : comment)
  } catch (error) {
    throw new TsbuildError('SECRET_MISSING', `Cannot use SSH key "${title}": ${messageOf(error)}`, {
      cause: error,
      hint: 'A key with a passphrase is used through an agent: ssh-add it, and pass --ssh default',
    })
  }
}

/** PROTOCOL.key of OpenSSH. */
function readOpenSsh(text: string): { readonly jwk: JsonWebKey; readonly comment: string } {
  const body = text.slice(text.indexOf(opensshBegin) + opensshBegin.length, text.indexOf(opensshEnd))
  const bytes = Buffer.from(body.replace(/\s/g, ''), 'base64')
  if (bytes.subarray(0, magic.length).toString('latin1') !== magic) throw new Error('it is not an OpenSSH key')
  const reader = new SshReader(bytes.subarray(magic.length))
  const cipher = reader.text()
  reader.string()
  reader.string()
  if (cipher !== 'none') throw new Error('it has a passphrase')
  if (reader.uint32() !== 1) throw new Error('it holds several keys')
  reader.string()
  const inner = new SshReader(reader.string())
  if (inner.uint32() !== inner.uint32()) throw new Error('it is damaged')
  const type = inner.text()
  const jwk = readPrivatePart(type, inner)
  return { jwk, comment: inner.text() }
}

const curves: Readonly<Record<string, string>> = { nistp256: 'P-256', nistp384: 'P-384', nistp521: 'P-521' }

function readPrivatePart(type: string, reader: SshReader): JsonWebKey {
  if (type === 'ssh-ed25519') {
    const x = reader.string()
    const d = reader.string().subarray(0, 32)
    return { kty: 'OKP', crv: 'Ed25519', x: url(x), d: url(d) }
  }
  if (type === 'ssh-rsa') {
    const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => reader.integer()) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ]
    return {
      kty: 'RSA',
      n: url(n),
      e: url(e),
      d: url(d),
      p: url(p),
      q: url(q),
      dp: url(modulo(d, p)),
      dq: url(modulo(d, q)),
      qi: url(qi),
    }
  }
  const curve = curves[type.replace('ecdsa-sha2-', '')]
  if (curve === undefined) throw new Error(`keys of type ${type} are not known`)
  reader.string()
  const point = reader.string().subarray(1)
  const half = point.length / 2
  const d = reader.integer()
  const padded = Buffer.concat([Buffer.alloc(Math.max(0, half - d.length)), d])
  return { kty: 'EC', crv: curve, x: url(point.subarray(0, half)), y: url(point.subarray(half)), d: url(padded) }
}

/** d mod (prime − 1), which the key file leaves out. */
function modulo(d: Buffer, prime: Buffer): Buffer {
  const value = BigInt(`0x${d.toString('hex')}`) % (BigInt(`0x${prime.toString('hex')}`) - 1n)
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

function toSshKey(key: KeyObject, comment: string): SshKey {
  const jwk = createPublicKey(key).export({ format: 'jwk' })
  switch (jwk.kty) {
    case 'OKP':
      return {
        comment,
        publicBlob: Buffer.concat([sshString('ssh-ed25519'), sshString(bytesOf(jwk.x))]),
        sign: (data) => signature('ssh-ed25519', sign(null, data, key)),
      }
    case 'RSA':
      return {
        comment,
        publicBlob: Buffer.concat([sshString('ssh-rsa'), sshInteger(bytesOf(jwk.e)), sshInteger(bytesOf(jwk.n))]),
        sign(data, flags) {
          const [name, hash] =
            (flags & 4) !== 0
              ? ['rsa-sha2-512', 'sha512']
              : (flags & 2) !== 0
                ? ['rsa-sha2-256', 'sha256']
                : ['ssh-rsa', 'sha1']
          return signature(name, sign(hash, data, key))
        },
      }
    case 'EC':
      return ellipticKey(key, jwk, comment)
    default:
      throw new Error(`keys of type ${jwk.kty ?? 'unknown'} are not known`)
  }
}

const hashes: Readonly<Record<string, string>> = { nistp256: 'sha256', nistp384: 'sha384', nistp521: 'sha512' }

function ellipticKey(key: KeyObject, jwk: JsonWebKey, comment: string): SshKey {
  const curve = Object.entries(curves).find(([, name]) => name === jwk.crv)?.[0]
  if (curve === undefined) throw new Error(`the curve ${jwk.crv ?? ''} is not known`)
  const type = `ecdsa-sha2-${curve}`
  const point = Buffer.concat([Buffer.of(4), bytesOf(jwk.x), bytesOf(jwk.y)])
  return {
    comment,
    publicBlob: Buffer.concat([sshString(type), sshString(curve), sshString(point)]),
    sign(data) {
      const both = sign(hashes[curve], data, { key, dsaEncoding: 'ieee-p1363' })
      const half = both.length / 2
      return signature(type, Buffer.concat([sshInteger(both.subarray(0, half)), sshInteger(both.subarray(half))]))
    },
  }
}

function signature(type: string, bytes: Uint8Array): Buffer {
  return Buffer.concat([sshString(type), sshString(bytes)])
}

function url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

function bytesOf(text: string | undefined): Buffer {
  return Buffer.from(text ?? '', 'base64url')
}
