import type { Plugin } from 'rolldown'

/**
 * Node's own modules that take milliseconds to load (measured with Node 24: crypto 3.7, child_process 3.2, zlib 2.4, v8 2.1, stream 1.4,
 * dns 0.6) although most commands call none of their functions.
 */
const slow =
  /^node:(child_process|crypto|dgram|dns(\/promises)?|fs\/promises|http|https|module|net|readline|stream\/(consumers|promises)|timers\/promises|tls|v8|zlib)$/
const prefix = '\0lazy:'

/**
 * Lets the bundle load slow modules of Node at the first call of one of their functions. Functions become wrappers; constants and
 * classes are read at once, so that a module which uses one of these still works, and still loads its module early.
 */
export const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  resolveId(source, importer) {
    if (!slow.test(source) || importer?.includes('/node_modules/') === true) return undefined
    return { id: prefix + source, moduleSideEffects: false }
  },
  load(id) {
    return id.startsWith(prefix) ? wrappersOf(id.slice(prefix.length)) : undefined
  },
}

function wrappersOf(path: string): string {
  const module = process.getBuiltinModule(path) as unknown as Readonly<Record<string, unknown>>
  const lines = Object.entries(module)
    .filter(([name]) => /^[A-Za-z_]\w*$/.test(name) && name !== 'default')
    .map(([name, value]) =>
      typeof value === 'function' && /^[a-z]/.test(name)
        ? `export const ${name} = (...args) => load().${name}(...args)`
        : `export const ${name} = /* @__PURE__ */ read(${JSON.stringify(name)})`,
    )
  return `let module\nconst load = () => module ??= process.getBuiltinModule('${path}')\nconst read = (name) => load()[name]\n${lines.join('\n')}\n`
}
