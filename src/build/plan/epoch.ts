import { TsbuildError } from '../../base/errors.ts'
import { globalArguments } from './arguments.ts'
import type { PlanRequest } from './request.ts'

const name = 'SOURCE_DATE_EPOCH'

/**
 * SOURCE_DATE_EPOCH in seconds: of the build arguments, else the default of an ARG before the first FROM. `context` is the time of a fetched
 * context, in milliseconds. USAGE for anything else.
 */
export function sourceEpoch(request: Omit<PlanRequest, 'epoch'>, contextTime: number | undefined): number | undefined {
  const declared = request.dockerfile.globalArgs.some(({ args }) => args.some((arg) => arg.name === name))
  const value = request.buildArgs.get(name) ?? (declared ? globalArguments(request).get(name) : undefined)
  if (value === undefined || value === '') return undefined
  if (value === 'context') return contextTime === undefined ? undefined : Math.floor(contextTime / 1000)
  if (/^-?\d+$/.test(value)) return Number(value)
  throw new TsbuildError('USAGE', `Cannot read ${name} "${value}": expected seconds since 1970`)
}
