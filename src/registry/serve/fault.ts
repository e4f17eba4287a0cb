/** distribution-spec "Error Codes" with the status that goes with each. */
const statuses = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DENIED: 403,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  PAGINATION_NUMBER_INVALID: 400,
  RANGE_INVALID: 416,
  SIZE_INVALID: 400,
  TOOMANYREQUESTS: 429,
  UNAUTHORIZED: 401,
  UNSUPPORTED: 405,
} as const

export type FaultCode = keyof typeof statuses

/** A refusal that the client is told by the specification's form. */
export class RegistryFault extends Error {
  override readonly name: string = 'RegistryFault'
  readonly code: FaultCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(code: FaultCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.code = code
    this.status = statuses[code]
    this.headers = headers
  }

  body(): string {
    return JSON.stringify({ errors: [{ code: this.code, message: this.message }] })
  }
}
