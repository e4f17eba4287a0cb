import { randomBytes } from 'node:crypto'
import { TsbuildError } from '../base/errors.ts'

/** 64 hex digits. */
export type ContainerId = string & { readonly __brand: 'ContainerId' }

/**
 * A new id. One whose first twelve digits are decimal only is not given out: that short form is the host name, and programs read a
 * host name of digits as a number.
 */
export function newContainerId(random: (size: number) => Buffer = randomBytes): ContainerId {
  for (;;) {
    const id = random(32).toString('hex')
    if (!/^\d{12}/.test(id)) return id as ContainerId
  }
}

export function shortId(id: string): string {
  return id.slice(0, 12)
}

/**
 * Refuses words that are too vague to name a container for a command that cannot be undone: fewer than three characters, or
 * digits only. `docker stop $(docker ps …)` without `-q` passes such words ("1" of "Up 1 second"), and they hit strangers.
 * A full name or a full id is always allowed; that is checked before.
 */
export function refuseVague(word: string): void {
  if (word.length >= 3 && !/^\d+$/.test(word)) return
  const why = word.length < 3 ? 'is shorter than 3 characters' : 'has digits only'
  throw new TsbuildError('ID_TOO_SHORT', `Refusing to take "${word}" for a container id: it ${why}`, {
    hint: 'Give the name or more characters of the id; "tsbuild ps -aq" prints ids alone',
  })
}
