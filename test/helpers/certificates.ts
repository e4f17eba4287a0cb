import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'

/** A certificate and its key in PEM, with the DER form that an x5c header wants. */
export interface Certificate {
  readonly certificate: string
  readonly key: string
  readonly der: Buffer
}

export interface CertificateRequest {
  readonly name: string
  /** DNS names and addresses of a server. */
  readonly hosts?: readonly string[]
  /** Who signs; nobody: self-signed. */
  readonly issuer?: Certificate & { readonly name: string }
  readonly authority?: boolean
  /** Days from now; negative: expired. */
  readonly days?: number
}

/** Makes an X.509 v3 certificate on P-256 (RFC 5280), for tests that need a TLS server or a token signer. */
export function makeCertificate(request: CertificateRequest): Certificate & { readonly name: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const signer: KeyObject = request.issuer === undefined ? privateKey : createPrivateKey(request.issuer.key)
  const body = sequence(
    tagged(0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ecdsaWithSha256,
    commonName(request.issuer?.name ?? request.name),
    sequence(time(Math.min(-1, (request.days ?? 3650) - 10)), time(request.days ?? 3650)),
    commonName(request.name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...extensions(request))),
  )
  const signature = sign('sha256', body, signer)
  const der = sequence(body, ecdsaWithSha256, element(0x03, Buffer.concat([Buffer.of(0), signature])))
  return {
    name: request.name,
    certificate: pem('CERTIFICATE', der),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    der,
  }
}

function extensions({ hosts = [], authority = false }: CertificateRequest): readonly Buffer[] {
  const truth = element(0x01, Buffer.of(0xff))
  const basic = sequence(objectId('2.5.29.19'), truth, element(0x04, authority ? sequence(truth) : sequence()))
  if (hosts.length === 0) return [basic]
  const names = hosts.map((host) =>
    isIP(host) === 0 ? element(0x82, Buffer.from(host)) : element(0x87, addressBytes(host)),
  )
  return [basic, sequence(objectId('2.5.29.17'), element(0x04, sequence(...names)))]
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  if (address !== '::1') throw new Error(`Only ::1 of IPv6 is made here, not ${address}`)
  return Buffer.concat([Buffer.alloc(15), Buffer.of(1)])
}

const ecdsaWithSha256 = sequence(objectId('1.2.840.10045.4.3.2'))

function commonName(name: string): Buffer {
  return sequence(element(0x31, sequence(objectId('2.5.4.3'), element(0x0c, Buffer.from(name)))))
}

function time(days: number): Buffer {
  const text = new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return element(0x18, Buffer.from(`${text}Z`))
}

function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = rest.flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return element(0x06, Buffer.from([first * 40 + second, ...bytes]))
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return element(0x30, Buffer.concat(parts))
}

function integer(bytes: Buffer): Buffer {
  return element(0x02, bytes)
}

function tagged(number: number, content: Buffer): Buffer {
  return element(0xa0 + number, content)
}

function element(tag: number, content: Buffer): Buffer {
  const size = content.byteLength
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
