import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../helpers/container-cli.ts'
import { freePort } from '../../helpers/free-port.ts'
import { answer, folder, image, lines, loop, running, status, stoppable, web, words } from './row.ts'
import type { Row } from './row.ts'

/** Something on this machine listens on the port, on every address. */
export function isListenedOn(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return readFileSync('/proc/net/tcp', 'utf8').includes(`00000000:${hex} 00000000:0000 0A`)
}

/** Containers, in the order of the tutorials. */
export const containerRows: readonly Row[] = [
  {
    rows: '2',
    types: 'docker -v',
    does: async (d) => /^(Docker|tsbuild) version \S+, build \S+\n$/.test(await d.ok('-v')),
    gives: true,
  },
  {
    rows: '3, 4',
    types: 'docker version; docker info',
    does: async (d) => [(await d.run(['version'])).status, (await d.run(['info'])).status],
    gives: [0, 0],
  },
  {
    rows: '5, 6',
    types: 'docker container run --help and every management form',
    does: async (d) => {
      const helps = await Promise.all(
        [['--help'], ['container', '--help'], ['container', 'run', '--help']].map((args) => d.run(args)),
      )
      return [helps.map((help) => help.status), (await d.ok('container', 'run', '--rm', image, 'echo', 'hi')).trim()]
    },
    gives: [[0, 0, 0], 'hi'],
  },
  {
    rows: '7, 12, 23',
    types: 'docker run -i IMAGE sh, and exit',
    does: async (d) => await d.run(['run', '-i', '--rm', image, 'sh'], { stdin: 'id -un\nexit 4\n' }),
    gives: { status: 4, stdout: 'root\n', stderr: '' },
  },
  {
    rows: '13',
    types: 'the host name is the first 12 digits of the id',
    does: (d) =>
      running(d, [], async (id) => (await d.ok('exec', 'test_image', 'hostname')).trim() === id.slice(0, 12)),
    gives: true,
  },
  {
    rows: '14, 15',
    types: 'docker images NAME',
    does: async (d) => {
      const [heading = '', row = ''] = lines(await d.ok('images', image))
      return [words(heading).slice(0, 2), words(row).slice(0, 2), lines(await d.ok('image', 'ls', image)).length]
    },
    gives: [['REPOSITORY', 'TAG'], [image, 'latest'], 2],
  },
  {
    rows: '16',
    types: 'docker images -q NAME',
    does: async (d) => lines(await d.ok('images', '-q', image)).map((id) => /^[0-9a-f]{12}$/.test(id)),
    gives: [true],
  },
  {
    rows: '17, 18, 19, 20, 43',
    types: 'docker run IMAGE true; docker ps; docker ps -a',
    does: async (d) => {
      await d.ok('run', image, 'true')
      const name = (await d.ok('ps', '-l', '--format', '{{.Names}}')).trim()
      const all = lines(await d.ok('ps', '-a', '--filter', `name=${name}`))
      const live = lines(await d.ok('ps', '--filter', `name=${name}`))
      await d.ok('rm', name)
      return [
        all[0]?.split(/ {2,}/),
        live.length,
        /^[a-z]+_[a-z]+\d*$/.test(name),
        /Exited \(0\) .* ago/.test(all[1] ?? ''),
      ]
    },
    gives: [['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES'], 1, true, true],
  },
  {
    rows: '21, 22, 25',
    types: 'docker rename ID NAME; docker stop, start by id prefix',
    does: (d) =>
      running(d, [], async (id) => {
        await d.ok('rename', id.slice(0, 10), 'renamed')
        const printed = [
          await d.ok('stop', id.slice(0, 10)),
          await d.ok('start', id.slice(0, 10)),
          await status(d, 'renamed'),
        ]
        await d.ok('rename', 'renamed', 'test_image')
        return printed.map((text) => text.trim().replace(id.slice(0, 10), 'ID'))
      }),
    gives: ['ID', 'ID', 'running 0'],
  },
  {
    rows: '26',
    types: 'docker attach',
    does: (d) =>
      running(
        d,
        ['-i'],
        async () => {
          const { status: code } = await d.run(['attach', 'test_image'], { stdin: 'hello\n' })
          await d.ok('wait', 'test_image')
          return [code, await d.ok('logs', 'test_image')]
        },
        ['sh', '-c', 'read line; echo got $line'],
      ),
    gives: [0, 'got hello\n'],
  },
  {
    rows: '27, 28',
    types: 'docker rm on a running container; docker rm -f',
    does: (d) =>
      running(d, [], async () => {
        const { status: code, stderr } = await d.run(['rm', 'test_image'])
        return [
          code,
          stderr.includes('stop the container before removing or force remove'),
          await d.ok('rm', '-f', 'test_image'),
        ]
      }),
    gives: [1, true, 'test_image\n'],
  },
  {
    rows: '29, 30, 51',
    types: 'docker stop; docker start; docker kill',
    does: (d) =>
      running(d, [], async () => {
        await stoppable(d, 'test_image')
        await d.ok('stop', 'test_image')
        const stopped = await status(d, 'test_image')
        await d.ok('start', 'test_image')
        await d.ok('kill', 'test_image')
        return [stopped, await status(d, 'test_image')]
      }),
    gives: ['exited 0', 'exited 137'],
  },
  {
    rows: '31',
    types: 'docker container prune, and the question',
    does: async (d) => {
      await d.ok('create', '--name', 'test_image', image)
      const no = await d.run(['container', 'prune'], { stdin: 'n\n' })
      const kept = (await d.run(['inspect', 'test_image'])).status
      await d.ok('rm', 'test_image')
      return [
        no.stdout.includes('WARNING! This will remove all stopped containers.'),
        no.stdout.includes('[y/N]'),
        kept,
      ]
    },
    gives: [true, true, 0],
  },
  {
    rows: '32',
    types: 'eth0 and lo, with an address of the bridge',
    does: (d) =>
      running(d, [], async () => {
        const address = (
          await d.ok(
            'inspect',
            '-f',
            '{{range .NetworkSettings.Networks}}{{.IPAddress}}/{{.IPPrefixLen}}{{end}}',
            'test_image',
          )
        ).trim()
        const shown = await d.ok('exec', 'test_image', 'ip', '-4', 'addr')
        return [lines(await d.ok('exec', 'test_image', 'ls', '/sys/class/net')), shown.includes(address)]
      }),
    gives: [['eth0', 'lo'], true],
  },
  {
    rows: '33',
    types: 'docker run --name twice',
    does: (d) => running(d, [], async () => (await d.run(['run', '--name', 'test_image', image])).status),
    gives: 125,
  },
  {
    rows: '34, 35, 37, 40, 83',
    types: 'docker run -p, one address only, and the source that the container sees',
    does: async (d) => {
      const [open, local] = [await freePort(), await freePort()]
      return await running(
        d,
        ['-p', `${open}:80`, '-p', `127.0.0.1:${local}:80`],
        async () => [
          [await answer(`http://127.0.0.1:${open}/`), await answer(`http://127.0.0.1:${local}/`)],
          isListenedOn(open),
          lines(await d.ok('port', 'test_image', '80'))[0] === `0.0.0.0:${open}`,
        ],
        web,
      )
    },
    gives: [['served\n', 'served\n'], true, true],
  },
  {
    rows: '36',
    types: 'docker run -p HOST:CONTAINER/udp',
    does: async (d) => {
      const port = await freePort()
      return await running(d, ['-p', `${port}:53/udp`], async () =>
        (await d.ok('port', 'test_image')).includes(`53/udp -> 0.0.0.0:${port}`),
      )
    },
    gives: true,
  },
  {
    rows: '41, 42',
    types: 'docker run -d; docker run --rm -d',
    does: async (d) => {
      const id = (await d.ok('run', '--rm', '-d', image, 'sleep', '0.3')).trim()
      await until('it is gone', async () => (await d.run(['inspect', id])).status !== 0)
      return /^[0-9a-f]{64}$/.test(id)
    },
    gives: true,
  },
  {
    rows: '44',
    types: 'docker run --env KEY=VALUE',
    does: (d) => d.ok('run', '--rm', '--env', 'A=1', '-e', 'B=2', image, 'sh', '-c', 'echo $A $B'),
    gives: '1 2\n',
  },
  {
    rows: '45, 71, 72',
    types: '-v and --mount of a directory, hidden content, changes at once',
    does: (d) =>
      folder((path) => {
        writeFileSync(join(path, 'page'), 'one')
        return running(d, ['-v', `${path}:/etc`, '--mount', `type=bind,source=${path},target=/m`], async () => {
          const before = await d.ok('exec', 'test_image', 'cat', '/m/page')
          writeFileSync(join(path, 'page'), 'two')
          const hidden = (await d.run(['exec', 'test_image', 'cat', '/etc/group'])).status
          return [before, await d.ok('exec', 'test_image', 'cat', '/m/page'), hidden]
        })
      }),
    gives: ['one', 'two', 1],
  },
  {
    rows: '46',
    types: 'docker run --network NET',
    does: async (d) => {
      await d.ok('network', 'create', 'journeynet')
      try {
        return await running(
          d,
          ['--network', 'journeynet'],
          () => {
            const fetching = 'until wget -qO- http://test_image; do sleep 0.1; done'
            return d.ok('run', '--rm', '--network', 'journeynet', image, 'sh', '-c', fetching)
          },
          web,
        )
      } finally {
        await d.run(['network', 'rm', 'journeynet'])
      }
    },
    gives: 'served\n',
  },
  {
    rows: '47',
    types: 'docker run --restart always',
    does: (d) =>
      running(
        d,
        ['--restart', 'always'],
        async () => {
          await until('it ran twice', async () => lines(await d.ok('logs', 'test_image')).length >= 2)
          return lines(await d.ok('logs', 'test_image')).slice(0, 2)
        },
        ['sh', '-c', 'echo run; sleep 0.1'],
      ),
    gives: ['run', 'run'],
  },
  {
    rows: '47',
    types: 'docker run -- restart always, the misprint: "restart" is then the image',
    does: async (d) => (await d.run(['run', '--pull', 'never', '--', 'restart', 'always'])).status,
    gives: 125,
  },
  {
    rows: '48, 50, 51, 52',
    types: 'docker create; start; pause; unpause; restart; rm -f',
    does: async (d) => {
      await d.ok('create', '--name', 'test_image', image, ...loop)
      const seen = [await status(d, 'test_image')]
      for (const verb of ['start', 'pause', 'unpause', 'restart', 'stop']) {
        if (verb === 'stop') await stoppable(d, 'test_image')
        await d.ok(verb, 'test_image')
        seen.push(await status(d, 'test_image'))
      }
      await d.ok('rm', 'test_image')
      return seen
    },
    gives: ['created 0', 'running 0', 'paused 0', 'running 0', 'running 0', 'exited 0'],
  },
  {
    rows: '53, 54, 89',
    types: 'docker logs, docker cp of a stopped container',
    does: async (d) => {
      await d.run(['run', '--name', 'test_image', image, 'sh', '-c', 'echo out; echo err >&2; echo kept > /kept'])
      const logs = await d.run(['logs', '-f', 'test_image'])
      const file = await folder(async (path) => {
        await d.ok('cp', 'test_image:/kept', path)
        return readFileSync(join(path, 'kept'), 'utf8')
      })
      await d.ok('rm', 'test_image')
      return [logs, file]
    },
    gives: [{ status: 0, stdout: 'out\n', stderr: 'err\n' }, 'kept\n'],
  },
  {
    rows: '55',
    types: 'docker exec NAME CMD',
    does: (d) =>
      running(d, [], async () => [
        await d.ok('exec', 'test_image', 'echo', 'in'),
        (await d.run(['exec', 'test_image', 'nope'])).status,
      ]),
    gives: ['in\n', 127],
  },
  {
    rows: '56',
    types: 'docker cp both ways',
    does: (d) =>
      running(d, [], () =>
        folder(async (path) => {
          writeFileSync(join(path, 'in'), 'content')
          await d.ok('cp', join(path, 'in'), 'test_image:/tmp/in')
          await d.ok('cp', 'test_image:/tmp/in', join(path, 'out'))
          return readFileSync(join(path, 'out'), 'utf8')
        }),
      ),
    gives: 'content',
  },
  {
    rows: '57',
    types: 'docker cp CONTAINER:PATH CONTAINER:PATH',
    does: (d) =>
      running(d, [], async () => (await d.run(['cp', 'test_image:/etc/passwd', 'test_image:/tmp/copy'])).status),
    gives: 0,
    docker: {
      gives: 1,
      because: 'docker refuses to copy between containers; the tutorial says it works, and here it does',
    },
  },
  {
    rows: '58',
    types: 'docker stats',
    does: (d) =>
      running(d, [], async () => {
        const [heading = '', row = ''] = lines(await d.ok('stats', '--no-stream', 'test_image'))
        return [heading.split(/ {2,}/).map((word) => word.trim()), /test_image +\d+\.\d\d% +\S+ \/ \S+/.test(row)]
      }),
    gives: [['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET I/O', 'BLOCK I/O', 'PIDS'], true],
  },
  {
    rows: '59, 60, 88',
    types: 'docker inspect, container inspect, image inspect',
    does: (d) =>
      running(d, ['-e', 'OWN=1'], async () => {
        const container = JSON.parse(await d.ok('container', 'inspect', 'test_image')) as {
          Id: string
          Path: string
          Config: { Env: string[] }
        }[]
        const own = JSON.parse(await d.ok('image', 'inspect', image)) as { Config: { Env: string[] } }[]
        return [
          container[0]?.Id.length,
          container[0]?.Path,
          container[0]?.Config.Env.includes('OWN=1'),
          own[0]?.Config.Env.includes('OWN=1'),
        ]
      }),
    gives: [64, 'sh', true, false],
  },
  {
    rows: '61, 62',
    types: 'two containers of one image do not see each other’s files',
    does: (d) =>
      running(d, [], async () => {
        await d.ok('exec', 'test_image', 'touch', '/mine')
        return [await d.ok('diff', 'test_image'), (await d.run(['run', '--rm', image, 'ls', '/mine'])).status]
      }),
    gives: ['A /mine\n', 1],
  },
  {
    rows: '63, 64',
    types: 'docker stop `docker ps -aq`; docker rm -f $(docker ps -aq)',
    does: async (d) => {
      for (const name of ['j1', 'j2']) await d.ok('run', '-d', '--name', name, '--label', 'journey', image, ...loop)
      const ids = '$(docker ps -aq --filter label=journey)'
      const twice = [
        await d.shell(`docker stop ${ids}`),
        await d.shell(`docker stop ${ids}`),
        await d.shell(`docker rm -f ${ids}`),
      ]
      return [
        twice.map((result) => [result.status, lines(result.stdout).length]),
        await d.ok('ps', '-aq', '--filter', 'label=journey'),
      ]
    },
    gives: [
      [
        [0, 2],
        [0, 2],
        [0, 2],
      ],
      '',
    ],
  },
  {
    rows: '65',
    types: 'docker ps -f id=, name=, ancestor=',
    does: (d) =>
      running(d, [], async (id) => {
        const filters = [`id=${id.slice(0, 6)}`, 'name=test_im', `ancestor=${image}`, 'ancestor=nothing']
        return await Promise.all(filters.map(async (filter) => lines(await d.ok('ps', '-q', '-f', filter)).length))
      }),
    gives: [1, 1, 1, 0],
  },
  {
    rows: '66',
    types: 'docker stop $(docker ps), without -q: no stranger is hit',
    does: async (d) => {
      await d.ok('run', '-d', '--name', 'stranger', image, ...loop)
      const { status: code } = await d.run(['stop', 'CONTAINER', 'ID', '1', 'Up'])
      const still = await status(d, 'stranger')
      await d.ok('rm', '-f', 'stranger')
      return [code, still]
    },
    gives: [1, 'running 0'],
  },
]
