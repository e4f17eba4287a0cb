import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { completionScripts, shells } from '../../src/cli/completion-scripts.ts'
import { openCli, projectHome } from '../helpers/tsbuild.ts'

it.for([
  [['hist'], ['history']],
  [['run', '--pul'], ['--pull']],
  // bash hands words over split at "=" and ":", and wants only the part after them back.
  [['run', '--pull', '=', 'al'], ['always']],
  [['completion', ''], []],
] as const)('bash completes %j', async ([words, want]) => {
  await using cli = openCli()
  const line = ['tsbuild', ...words].map((word) => `'${word}'`).join(' ')
  const script = `${completionScripts.bash}
    COMP_WORDS=(${line}); COMP_CWORD=${words.length}
    _tsbuild; printf '%s\\n' "\${COMPREPLY[@]}"`
  const env = { PATH: `${join(projectHome, 'bin')}:/usr/bin:/bin`, HOME: cli.folder, TSBUILD_ROOT: cli.root }
  const output = execFileSync('bash', ['-c', script], { env, encoding: 'utf8' })
  expect(output.split('\n').filter((word) => word !== '')).toEqual(want)
})

it('there is a script for each shell, and the name of an unknown one is answered with them', async () => {
  await using cli = openCli()
  for (const shell of shells) expect(await cli.ok('completion', shell)).toBe(completionScripts[shell])
  expect(await cli.fails(['completion', 'tcsh'])).toMatchObject({
    code: 'USAGE',
    status: 2,
    hint: 'There is one for bash, zsh, fish',
  })
})
