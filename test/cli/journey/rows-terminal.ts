import { spawnSync } from 'node:child_process'
import { freePort } from '../../helpers/free-port.ts'
import { answer, image, running, serving, status, web } from './row.ts'
import { isListenedOn } from './rows-containers.ts'
import type { Row } from './row.ts'

const shell = ['--name', 'test_image', '-e', 'PS1=$(id -un)@$(hostname)# ', image, 'sh'] as const

/** What is typed at a terminal, and what reaches beyond the container. */
export const terminalRows: readonly Row[] = [
  {
    rows: '7, 12, 13, 23',
    types: 'docker run -i -t IMAGE: a prompt of root at the id, and exit',
    does: async (d) => {
      const { status: code, output } = await d.terminal(['run', '-i', '-t', ...shell], [['# ', 'exit 4\r']])
      const id = (await d.ok('inspect', '-f', '{{.Id}}', 'test_image')).trim()
      const state = await status(d, 'test_image')
      await d.ok('rm', 'test_image')
      return [code, output.includes(`root@${id.slice(0, 12)}# `), state]
    },
    gives: [4, true, 'exited 4'],
  },
  {
    rows: '23',
    types: 'Ctrl+D ends the shell',
    does: async (d) => {
      const { status: code } = await d.terminal(['run', '--rm', '-it', ...shell], [['# ', '\u0004']])
      return [code, (await d.run(['inspect', 'test_image'])).status]
    },
    gives: [0, 1],
  },
  {
    rows: '24, 26',
    types: 'Ctrl+P Ctrl+Q detaches, docker attach comes back',
    does: async (d) => {
      const first = await d.terminal(
        ['run', '-it', ...shell],
        [
          ['# ', '\u0010'],
          ['', '\u0011'],
        ],
      )
      const kept = await status(d, 'test_image')
      const second = await d.terminal(
        ['attach', 'test_image'],
        [
          ['', '\r'],
          ['# ', 'exit 6\r'],
        ],
      )
      const ended = await status(d, 'test_image')
      await d.ok('rm', '-f', 'test_image')
      return [first.status, kept, second.status, ended]
    },
    gives: [0, 'running 0', 6, 'exited 6'],
  },
  {
    rows: '38',
    types: 'a service started in a running container, and the network beyond it',
    does: (d) =>
      serving(
        (_, response) => response.end('outside\n'),
        (port) =>
          running(d, [], async () => {
            const network = (field: string): Promise<string> =>
              d.ok('inspect', '-f', `{{range .NetworkSettings.Networks}}{{.${field}}}{{end}}`, 'test_image')
            await d.ok('exec', '-d', 'test_image', ...web)
            const inside = await answer(`http://${(await network('IPAddress')).trim()}/`)
            const url = `http://${(await network('Gateway')).trim()}:${port}/`
            return [inside, await d.ok('exec', 'test_image', 'wget', '-qO-', url)]
          }),
      ),
    gives: ['served\n', 'outside\n'],
  },
  {
    rows: '39',
    types: 'the kernel forwards a published port, and something listens on it',
    does: async (d) => {
      const port = await freePort()
      return await running(d, ['-p', `${port}:80`], () => {
        const rules = ['nft list ruleset', 'iptables-save', 'iptables-legacy-save'].map(
          (line) => spawnSync('sh', ['-c', `${line} 2>/dev/null`], { encoding: 'utf8' }).stdout,
        )
        const named = new RegExp(String.raw`dport ${port}\b`)
        return Promise.resolve([rules.some((text) => named.test(text)), isListenedOn(port)])
      })
    },
    gives: [true, true],
  },
  {
    rows: '49',
    types: 'docker restart: another process, the same container',
    does: (d) =>
      running(d, [], async (id) => {
        const pid = (): Promise<string> => d.ok('inspect', '-f', '{{.State.Pid}}', 'test_image')
        await d.ok('exec', 'test_image', 'touch', '/kept')
        const before = await pid()
        const printed = await d.ok('restart', '-t', '5', id.slice(0, 10))
        const same = before === (await pid())
        return [printed.trim() === id.slice(0, 10), same, (await d.run(['exec', 'test_image', 'ls', '/kept'])).status]
      }),
    gives: [true, false, 0],
  },
  {
    rows: '86',
    types: 'docker as an alias in a shell',
    does: async (d) => await d.shell(`docker run --rm ${image} echo hi | docker run --rm -i ${image} tr a-z A-Z`),
    gives: { status: 0, stdout: 'HI\n', stderr: '' },
  },
  {
    rows: '87',
    types: 'docker run --runtime; one that does not exist',
    does: async (d) => {
      const usual = (await d.ok('info', '-f', '{{.DefaultRuntime}}')).trim()
      const inspected = await running(d, [], () => d.ok('inspect', '-f', '{{.HostConfig.Runtime}}', 'test_image'))
      return [inspected.trim() === usual, (await d.run(['run', '--rm', '--runtime', 'nosuch', image, 'true'])).status]
    },
    gives: [true, 125],
  },
]
