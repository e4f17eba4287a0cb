/** Builds what is shipped by npm: the native core and the bundle of the command line in dist/. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { writeBundle } from './bundle.ts'

const home = join(import.meta.dirname, '..')

execFileSync('make', ['-s', '-C', 'native'], { cwd: home, stdio: 'inherit' })
await writeBundle(join(home, 'dist'), '')
