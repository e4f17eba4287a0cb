import { join } from 'node:path'

/** The output of a build's steps. */
export function buildLogPath(root: string, id: string): string {
  return join(root, 'builds', `${id}.log`)
}
