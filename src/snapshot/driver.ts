import type { Tree } from '../host/native.ts'
import type { StorageDriver } from '../settings/settings.ts'

/** The kernel's limit of layers in one overlay mount, less one for the upper. */
const maxLayers = 499

/** Layers to be seen as one tree, top-most first, with the directory of the snapshot that the top-most belongs to. */
export interface Stack {
  readonly layers: readonly string[]
  /** Undefined without layers. */
  readonly top: string | undefined
}

/** How layers become trees: the recipes that a driver hands out to the native core. The layers themselves are the same for all. */
export interface Driver {
  readonly name: StorageDriver
  view(stack: Stack): Tree
  /** The layer of the snapshot `directory` on top of what lies below it, not to be written to. */
  layer(below: Stack, directory: string): Tree
  /** As `layer`, to be written to. */
  writable(below: Stack, directory: string, volatile: boolean): Tree
}

/** `fs` holds the layer, `work` is overlay's own while it is written. */
export const layerOf = (directory: string): string => `${directory}/fs`
export const workOf = (directory: string): string => `${directory}/work`

export const overlayDriver: Driver = {
  name: 'overlay',
  view: ({ layers }) => ({ kind: 'layers', lower: checked(layers) }),
  layer: ({ layers }, directory) => ({
    kind: 'layers',
    lower: layers,
    upper: layerOf(directory),
    work: workOf(directory),
  }),
  writable: ({ layers }, directory, volatile) => ({
    kind: 'layers',
    lower: checked(layers),
    upper: layerOf(directory),
    work: workOf(directory),
    volatile,
  }),
}

/**
 * For where overlay cannot be mounted: the core makes directories. `view` beside a layer shows the stack up to it, by links to the layers' files; it is made when it is
 * first asked for. A process works in `tree`, a copy of its own, of which the layer is made afterwards.
 */
export const copyDriver: Driver = {
  name: 'copy',
  view: ({ layers, top }) => ({ kind: 'layers', lower: layers, ...viewOf(top) }),
  layer: ({ layers, top }, directory) => ({
    kind: 'layers',
    lower: layers,
    upper: layerOf(directory),
    work: workOf(directory),
    ...viewOf(top),
  }),
  writable: ({ layers, top }, directory) => ({
    kind: 'layers',
    lower: layers,
    upper: layerOf(directory),
    work: workOf(directory),
    ...viewOf(top),
    copy: copyOf(directory),
  }),
}

/** The tree that a process of a container of the copy driver has, and where it stays. */
export const copyOf = (directory: string): string => `${directory}/tree`

function viewOf(top: string | undefined): { readonly view?: string } {
  return top === undefined ? {} : { view: `${top}/view` }
}

function checked(layers: readonly string[]): readonly string[] {
  if (layers.length > maxLayers)
    throw new Error(`An overlay mount takes at most ${maxLayers} layers, this image has ${layers.length}`)
  return layers
}
