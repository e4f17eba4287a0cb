import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Driver } from './driver.ts'
import { folder, image, lines, running } from './row.ts'
import type { Row } from './row.ts'

/** Volumes, builds and images. */
export const imageRows: readonly Row[] = [
  {
    rows: '73, 74, 75',
    types: 'docker volume create, inspect; -v NAME:PATH copies what the image has',
    does: async (d) => {
      const made = await d.ok('volume', 'create', 'journeyvol')
      const [volume = {}] = JSON.parse(await d.ok('volume', 'inspect', 'journeyvol')) as Record<string, unknown>[]
      const copied = await d.ok('run', '--rm', '-v', 'journeyvol:/etc/init.d', image, 'ls', '/etc/init.d')
      const again = await d.ok(
        'run',
        '--rm',
        '-v',
        'journeyvol:/other',
        image,
        'sh',
        '-c',
        'ls /other; rm -rf /other/*; touch /other/own',
      )
      const kept = await d.ok('run', '--rm', '-v', 'journeyvol:/etc/init.d', image, 'ls', '/etc/init.d')
      await d.ok('volume', 'rm', 'journeyvol')
      return [made, Object.keys(volume), copied === again, kept]
    },
    gives: ['journeyvol\n', ['CreatedAt', 'Driver', 'Labels', 'Mountpoint', 'Name', 'Options', 'Scope'], true, 'own\n'],
  },
  {
    rows: '78, 79, 80',
    types: 'docker build -t basic . again: same image; only a LABEL changed: same layers',
    does: (d) =>
      folder(async (path) => {
        const build = async (tag: string, label: string): Promise<readonly string[]> => {
          writeFileSync(
            join(path, 'Dockerfile'),
            `FROM ${image}\nLABEL what="${label}"\nCOPY f /f\nWORKDIR /opt\nEXPOSE 60431\nENTRYPOINT ["cat", "/f"]\n`,
          )
          await d.ok('build', '-q', '-t', tag, path)
          return [
            (await d.ok('image', 'inspect', '-f', '{{.Id}}', tag)).trim(),
            await d.ok('image', 'inspect', '-f', '{{json .RootFS.Layers}}', tag),
          ]
        }
        writeFileSync(join(path, 'f'), 'built\n')
        const [first, second, third] = [
          await build('basic:1.0', 'a'),
          await build('basic:2.0', 'a'),
          await build('basic:3.0', 'b'),
        ]
        const ran = await d.ok('run', '--rm', 'basic:1.0')
        await d.ok('rmi', '-f', 'basic:1.0', 'basic:2.0', 'basic:3.0')
        return [first[0] === second[0], first[0] === third[0], first[1] === third[1], ran]
      }),
    gives: [true, false, true, 'built\n'],
  },
  {
    rows: '67, 85',
    types: 'docker rmi of an image in use; then of all names',
    does: async (d) => {
      await d.ok('tag', image, 'second')
      await d.ok('create', '--name', 'test_image', 'second')
      const { status: used } = await d.run(['rmi', image, 'second'])
      await d.ok('rm', 'test_image')
      await d.run(['tag', 'second', image])
      await d.run(['rmi', 'second'])
      return [used, lines(await d.ok('images', '-q', image)).length]
    },
    gives: [1, 1],
  },
  {
    rows: '76',
    types: 'docker volume create with the options of an NFS share',
    does: async (d) => {
      const options = ['type=nfs', 'o=addr=192.0.2.1,ro', 'device=:/share'].flatMap((word) => ['--opt', word])
      await d.ok('volume', 'create', '--driver', 'local', ...options, 'journeynfs')
      const kept = JSON.parse(await d.ok('volume', 'inspect', '-f', '{{json .Options}}', 'journeynfs')) as unknown
      await d.ok('volume', 'rm', 'journeynfs')
      return kept
    },
    gives: { device: ':/share', o: 'addr=192.0.2.1,ro', type: 'nfs' },
  },
  {
    rows: '77',
    types: 'the root directory of everything, as docker info has it',
    does: async (d) => /^\/.+\n$/.test(await d.ok('info', '-f', '{{.DockerRootDir}}')),
    gives: true,
  },
  {
    rows: '81',
    types: 'the Dockerfile as printed, with a comment behind an instruction; and without',
    does: (d) =>
      folder(async (path) => {
        const build = (from: string): ReturnType<Driver['run']> => {
          const rest =
            'LABEL description="Echo IP"\nEXPOSE 60431\nCOPY ./app /opt/app\nWORKDIR /opt\nENTRYPOINT [ "cat", "app" ]\n'
          writeFileSync(join(path, 'Dockerfile'), `${from}\n${rest}`)
          return d.run(['build', '-t', 'journeybuilt', path])
        }
        writeFileSync(join(path, 'app'), 'app in the image\n')
        const printed = await build(`FROM ${image} # the base`)
        const right = await build(`FROM ${image}`)
        const ran = await d.ok('run', '--rm', 'journeybuilt')
        const ports = await d.ok('image', 'inspect', '-f', '{{json .Config.ExposedPorts}}', 'journeybuilt')
        await d.ok('rmi', 'journeybuilt')
        const why = printed.stderr.includes('Dockerfile:1') && printed.stderr.includes('# the base')
        return [printed.status, why, right.status, ran, ports.trim()]
      }),
    gives: [1, true, 0, 'app in the image\n', '{"60431/tcp":{}}'],
  },
  {
    rows: '82, 84',
    types: 'ADD; several stages, of which the last is what remains',
    does: (d) =>
      folder(async (path) => {
        writeFileSync(join(path, 'source'), 'source\n')
        const text = `FROM ${image} AS build
ADD source /source
RUN tr a-z A-Z < /source > /made
FROM ${image}
COPY --from=build /made /made
CMD ["cat", "/made"]
`
        writeFileSync(join(path, 'Dockerfile'), text)
        await d.ok('build', '-q', '-t', 'journeystages', path)
        const ran = await d.ok('run', '--rm', 'journeystages')
        const left = (await d.run(['run', '--rm', 'journeystages', 'ls', '/source'])).status
        await d.ok('rmi', 'journeystages')
        return [ran, left]
      }),
    gives: ['SOURCE\n', 1],
  },
  {
    rows: '84',
    types: 'built inside a container, then made an image of',
    does: (d) =>
      running(d, [], async () => {
        await d.ok('exec', 'test_image', 'sh', '-c', 'echo made inside > /made')
        await d.ok('commit', '-c', 'CMD ["cat", "/made"]', 'test_image', 'journeyinside')
        const ran = await d.ok('run', '--rm', 'journeyinside')
        await d.ok('rmi', 'journeyinside')
        return ran
      }),
    gives: 'made inside\n',
  },
]
