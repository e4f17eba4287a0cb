import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openCli } from '../helpers/tsbuild.ts'

const cli = openCli()
afterAll(() => cli[Symbol.asyncDispose]())

const broken = 'FROM scratch\nCPOY a b\nRUN []\n'
const old = 'FROM scratch\nMAINTAINER joe\n'
const good = 'FROM scratch\nCOPY a /a\n'

const repository = cli.files('repository', {
  '.gitignore': '/generated/\n*.Dockerfile\n!kept.Dockerfile\n',
  'web/Dockerfile': broken,
  'web/api/Containerfile': old,
  'web/api/Dockerfile.dev': good,
  'web/api/Dockerfile.dev.dockerignore': 'a\n',
  'web/other.Dockerfile': broken,
  'web/kept.Dockerfile': good,
  'web/.gitignore': 'cache\n',
  'web/cache/Dockerfile': broken,
  'generated/deep/Dockerfile': broken,
  'strict/Dockerfile': `# check=error=true\n${old}`,
})
mkdirSync(join(repository, '.git'))

const check = (...args: readonly string[]) => cli.run(['check', ...args], { cwd: repository })

interface Finding {
  readonly code: string
  readonly rule?: string
  readonly severity: string
  readonly range: { readonly start: { readonly line: number; readonly column: number } }
}
type Found = readonly { readonly filename: string; readonly diagnostics: readonly Finding[] }[]

describe('the files', () => {
  const names = async (...args: readonly string[]): Promise<readonly string[]> =>
    (JSON.parse((await check('--format', 'json', ...args)).stdout) as Found).map(({ filename }) => filename)

  it('without an argument are all Dockerfiles below the working directory that no .gitignore names', async () => {
    expect(await names()).toEqual([
      'strict/Dockerfile',
      'web/Dockerfile',
      'web/api/Containerfile',
      'web/api/Dockerfile.dev',
      'web/kept.Dockerfile',
    ])
  })

  it('are those of a folder, of a glob, or named, each once', async () => {
    expect(await names('web/api')).toEqual(['web/api/Containerfile', 'web/api/Dockerfile.dev'])
    expect(await names('web/**/Dockerfile*', 'web/Dockerfile')).toEqual(['web/Dockerfile', 'web/api/Dockerfile.dev'])
  })

  it('are checked when named, whatever .gitignore says', async () => {
    expect(await names('generated/deep/Dockerfile')).toEqual(['generated/deep/Dockerfile'])
  })

  it('of a subfolder obey the .gitignore above it', async () => {
    const { stdout } = await cli.run(['check', '--format', 'json'], { cwd: join(repository, 'web') })
    expect((JSON.parse(stdout) as Found).map(({ filename }) => filename)).not.toContain('other.Dockerfile')
  })

  it('that do not exist are an error with a hint, and so is a glob without a match; the others are checked', async () => {
    const { status, stdout, stderr } = await check('nope', 'none/**', 'web/kept.Dockerfile')
    expect(status).toBe(1)
    expect(stdout).toBe('1 file: no problem\n')
    expect(stderr).toMatch(/^ERROR Cannot read "nope": it does not exist \[FILE_UNREADABLE\]\n {2}hint: /)
    expect(stderr).toContain('ERROR Cannot find a file that matches "none/**" [FILE_UNREADABLE]\n  hint: ')
  })
})

describe('the output', () => {
  it('as text has place, rule, excerpt and hint of each finding, and counts', async () => {
    const { status, stdout } = await check('web/Dockerfile', 'web/api/Containerfile')
    expect(status).toBe(1)
    expect(stdout).toContain(`web/Dockerfile:2:1 error INSTRUCTION_UNKNOWN: unknown instruction "CPOY"
    1 | FROM scratch
  > 2 | CPOY a b
      | ^^^^
    3 | RUN []
  hint: Did you mean "COPY"?
`)
    expect(stdout).toContain('web/Dockerfile:3:')
    expect(stdout).toMatch(/^web\/api\/Containerfile:2:1 warning MaintainerDeprecated: /m)
    expect(stdout).toMatch(/\n2 files: 2 errors, 1 warning\n$/)
  })

  it('as JSON lists files with their diagnostics', async () => {
    const { stdout } = await check('--format', 'json', 'web/api')
    expect(JSON.parse(stdout)).toMatchObject([
      {
        filename: 'web/api/Containerfile',
        diagnostics: [
          { code: 'CHECK', rule: 'MaintainerDeprecated', severity: 'warning', range: { start: { line: 2 } } },
        ],
      },
      { filename: 'web/api/Dockerfile.dev', diagnostics: [{ rule: 'CopyIgnoredFile', range: { start: { line: 2 } } }] },
    ])
  })

  it('as SARIF names files as the repository does', async () => {
    const { stdout } = await cli.run(['check', '--format', 'sarif', 'Dockerfile'], { cwd: join(repository, 'web') })
    const log = JSON.parse(stdout) as { readonly version: string; readonly runs: readonly object[] }
    expect(log.version).toBe('2.1.0')
    expect(log.runs[0]).toMatchObject({
      tool: { driver: { name: 'tsbuild' } },
      results: [
        {
          ruleId: 'INSTRUCTION_UNKNOWN',
          level: 'error',
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: 'web/Dockerfile' },
                region: { startLine: 2, startColumn: 1, endLine: 2, endColumn: 5 },
              },
            },
          ],
        },
        { level: 'error' },
      ],
    })
  })

  it('for GitHub is one annotation for each finding', async () => {
    const { stdout } = await check('--format', 'github', 'web/Dockerfile')
    expect(stdout.split('\n')[0]).toBe(
      '::error file=web/Dockerfile,line=2,endLine=2,col=1,endColumn=5,title=INSTRUCTION_UNKNOWN::unknown instruction "CPOY"%0ADid you mean "COPY"?',
    )
    expect(stdout.match(/^::/gm)).toHaveLength(2)
  })

  it('shows a malformed ignore file at its place', async () => {
    const folder = cli.files('ignore', { 'a/Dockerfile': good, 'a/.dockerignore': 'x\n[z-a]\n' })
    const { status, stdout } = await cli.run(['check'], { cwd: folder })
    expect(status).toBe(1)
    expect(stdout).toMatch(/^a\/\.dockerignore:2:1 error IGNORE_INVALID: /m)
  })

  it('makes control characters of a file visible', async () => {
    const folder = cli.files('control', { Dockerfile: 'FROM scratch\nNOPE\u001B[2J x\n' })
    expect((await cli.run(['check'], { cwd: folder })).stdout).not.toContain('\u001B')
  })
})

describe('the exit status', () => {
  it('is 0 for warnings, 1 with --strict', async () => {
    expect((await check('web/api')).status).toBe(0)
    expect((await check('--strict', 'web/api')).status).toBe(1)
    expect((await check('--strict', 'web/kept.Dockerfile')).status).toBe(0)
  })

  it('is 1 for a warning in a file with "# check=error=true", which is then an error', async () => {
    const { status, stdout } = await check('strict')
    expect(status).toBe(1)
    expect(stdout).toMatch(/^strict\/Dockerfile:3:1 error MaintainerDeprecated: /)
  })
})

it('needs neither store nor core', async () => {
  const folder = cli.files('alone', { Dockerfile: good })
  const { status } = await cli.run(['check', '.'], { cwd: folder, env: { TSBUILD_CORE: '/nonexistent' } })
  expect(status).toBe(0)
})
