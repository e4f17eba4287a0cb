import type { ImageService } from '../../image/image-service.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Operation } from '../solver/operation.ts'
import { execOperation } from './exec-operation.ts'
import type { ExecServices } from './exec-operation.ts'
import { filesOperation } from './files-operation.ts'
import type { FilesServices } from './files-operation.ts'
import { gitOperation } from './git-operation.ts'
import type { GitServices } from './git-operation.ts'
import { httpOperation } from './http-operation.ts'
import type { HttpServices } from './http-operation.ts'
import { imageOperation } from './image-operation.ts'
import type { BaseImage } from './image-operation.ts'
import type { BuildVertex } from './op.ts'

export interface OpServices extends FilesServices, ExecServices, HttpServices, GitServices {
  readonly images: ImageService
  /** The images that the plan resolved, by manifest. */
  readonly resolved: ReadonlyMap<Digest, BaseImage>
}

/** Gives a vertex the services that carry it out. */
export function operationOf(vertex: BuildVertex, services: OpServices): Operation {
  const { op } = vertex
  switch (op.kind) {
    case 'image': {
      const image = services.resolved.get(op.manifest)
      if (image === undefined) throw new Error(`The plan did not resolve image ${op.manifest}`)
      return imageOperation(op, image, services.images)
    }
    case 'files':
      return filesOperation(vertex, op, services)
    case 'exec':
      return execOperation(vertex, op, services)
    case 'http':
      return httpOperation(op, services)
    case 'git':
      return gitOperation(op, services)
  }
}
