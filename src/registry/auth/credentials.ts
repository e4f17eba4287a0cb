/** What a user has for a registry. Values of this type never reach an event, an error or a log. */
export type Credentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** A refresh token (docker's `identitytoken`, a helper's user `<token>`): only for a token server. */
  | { readonly kind: 'identity'; readonly token: string }
  /** A ready access token (docker's `registrytoken`). */
  | { readonly kind: 'bearer'; readonly token: string }

export const noCredentials: Credentials = { kind: 'none' }

/** RFC 7617, UTF-8. */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
}
