/**
 * `npm run package`: makes dist-executable/tsbuild-linux-ARCH, one file with Node, the bundle and the native core inside, for machines
 * without Node. It starts from code that V8 compiled beforehand. `npm run package -- arm64` on x86-64 makes the one for arm64, without such
 * code: only V8 of that architecture can make it.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { humanSize } from '../../src/ui/human.ts'
import { writeBundle, writeStart } from '../bundle.ts'
import { buildCore, crossTools } from './cross.ts'

const home = join(import.meta.dirname, '../..')
const work = join(home, '.cache/executable')
const [bundle, code] = [join(work, 'bundle'), join(work, 'code')] as const
const arch = process.argv[2] ?? process.arch
const own = arch === process.arch
const cross = crossTools(home)
const core = buildCore(home, arch)
const output = join(home, 'dist-executable', `tsbuild-linux-${arch}`)
/** Node looks for the blob behind this mark, which it carries twice in clear to be replaced. */
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

rmSync(work, { recursive: true, force: true })
mkdirSync(code, { recursive: true })
const entry = await writeBundle(
  bundle,
  `core-${createHash('sha256').update(readFileSync(core)).digest('hex').slice(0, 16)}`,
)
if (own) compileChunks()
await writeStart('executable', entry, join(work, 'loader.cjs'))
writeExecutable()
process.stdout.write(`${output}: ${humanSize(statSync(output).size)}\n`)

/** Each of these loads chunks and runs the functions that a start needs; what they say does not matter. */
function compileChunks(): void {
  const store = join(work, 'store')
  const context = join(work, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\nLABEL a=b\n')
  const building = ['--root', store, 'build', '-t', 'a', context]
  const commands = [
    ['--help'],
    building,
    building,
    ['--root', store, 'images'],
    ['--root', store, 'ps'],
    ['--root', store, 'run', 'a'],
  ]
  for (const command of commands) {
    const args = [join(home, 'scripts/executable/record.ts'), bundle, entry, code, ...command]
    const env = { ...process.env, TSBUILD_CORE: core, TSBUILD_RUN_ROOT: join(work, 'run') }
    spawnSync(process.execPath, [...process.execArgv, ...args], { env, stdio: 'ignore' })
  }
  if (readdirSync(code).length === 0) throw new Error('No chunk of the bundle was compiled')
}

function writeExecutable(): void {
  const chunks = readdirSync(bundle).filter((name) => name.endsWith('.cjs') && name !== 'main.cjs')
  const config = {
    main: join(work, 'loader.cjs'),
    output: join(work, 'blob'),
    disableExperimentalSEAWarning: true,
    useCodeCache: own,
    execArgv: ['--disable-warning=ExperimentalWarning', '--min-semi-space-size=4'], // as bin/tsbuild
    assets: {
      'tsbuild-core': core,
      ...Object.fromEntries(chunks.map((name) => [name, join(bundle, name)])),
      ...Object.fromEntries(readdirSync(code).map((name) => [name, join(code, name)])),
    },
  }
  writeFileSync(join(work, 'config.json'), JSON.stringify(config))
  execFileSync(process.execPath, ['--experimental-sea-config', join(work, 'config.json')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  mkdirSync(join(home, 'dist-executable'), { recursive: true })
  copyFileSync(own ? process.execPath : cross.node, output)
  chmodSync(output, 0o755)
  execFileSync(own ? 'strip' : cross.strip, ['--strip-all', output])
  const inject = [join(home, 'node_modules/postject/dist/cli.js'), output, 'NODE_SEA_BLOB', join(work, 'blob')]
  execFileSync(process.execPath, [...inject, '--sentinel-fuse', fuse], { stdio: ['ignore', 'ignore', 'pipe'] })
}
