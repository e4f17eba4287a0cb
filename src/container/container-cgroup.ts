import { readFileSync } from 'node:fs'
import { hasErrno } from '../base/errors.ts'
import { cgroupPath } from '../runtime/runtime-config.ts'
import type { Container } from './container-records.ts'

/** The cgroup of a container whose first process is `pid`. Where that of an unprivileged user was put depends on what was delegated to who started it: the kernel knows. */
export function containerCgroup({ id, spec }: Container, pid: number): string {
  const usual = cgroupPath({ id, ...(spec.cgroupParent === null ? {} : { cgroupParent: spec.cgroupParent }) })
  try {
    const unified = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1]
    return unified?.endsWith(`/${id}`) === true ? unified : usual
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH', 'EACCES')) return usual
    throw error
  }
}
