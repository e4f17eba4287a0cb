import type { Volume } from '../volume/volume-records.ts'
import type { Engine } from './engine.ts'

/** A volume in the shape of docker's API. VOLUME_NOT_FOUND. */
export function volumeInspect(engine: Engine, name: string): object {
  return volumeJson(engine, engine.volumes.get(name))
}

export function volumeJson(engine: Engine, { name, createdAt, labels, options }: Volume): object {
  return {
    CreatedAt: new Date(createdAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    Driver: 'local',
    Labels: Object.keys(labels).length === 0 ? null : labels,
    Mountpoint: engine.volumes.mountpoint(name),
    Name: name,
    Options: Object.keys(options).length === 0 ? null : options,
    Scope: 'local',
  }
}
