import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { completionScripts, shells } from '../../src/cli/completion-scripts.ts'
import { openCli, projectHome } from '../helpers/tsbuild.ts'

it.for([
  [['hist'], ['history']],
  [['run', '--pul'], ['--pull']],
  // bash hands words over split at "=" and ":", and wants only the part after them back.
  [['run', '--pull', '=', 'al'], ['always']],
  [['registry', 'artifact', 'a'], ['attach']],
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

/** What other shells offer: the script runs in the shell itself, for zsh with its display replaced by a print. */
const drivers = {
  fish: (words: readonly string[]) => `${completionScripts.fish}\ncomplete -C '${['tsbuild', ...words].join(' ')}'`,
  zsh: (words: readonly string[]) => `
    compdef() { : }
    _describe() { print -rl -- "\${(@P)2}" }
    _files() { print file }
    ${completionScripts.zsh}
    words=(tsbuild ${words.map((word) => `'${word}'`).join(' ')}); CURRENT=\${#words}
    _tsbuild`,
}

it.for([
  ['fish', ['hist'], ['history\tShow the steps that made an image']],
  ['fish', ['registry', 'artifact', 'a'], ['attach\tAttach files to an image']],
  ['fish', ['run', '--pull=al'], ['--pull=always']],
  ['zsh', ['hist'], ['history:Show the steps that made an image']],
  ['zsh', ['registry', 'artifact', 'a'], ['attach:Attach files to an image']],
  ['zsh', ['run', '--pull=al'], ['--pull=always']],
  ['zsh', ['load', '-i', 'd'], ['file']],
] as const)('%s completes %j', async ([shell, words, want], { skip }) => {
  await using cli = openCli()
  const env = { PATH: `${join(projectHome, 'bin')}:/usr/bin:/bin`, HOME: cli.folder, TSBUILD_ROOT: cli.root }
  const found = spawnSync(shell, ['-c', drivers[shell](words)], { env, encoding: 'utf8' })
  if (found.error !== undefined) skip(`${shell} is not installed`)
  expect(found.stdout.split('\n').filter((word) => word !== '')).toEqual(want)
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
