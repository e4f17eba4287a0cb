import type { Driver } from './driver.ts'
import { image, lines, serving, words } from './row.ts'
import type { Row } from './row.ts'

/** What comes over the network: names, pulls, search. */
export const registryRows: readonly Row[] = [
  {
    rows: '1, 70',
    types: 'names of images: Docker Hub without a registry, `latest` without a tag, other registries by their host',
    does: async (d) => {
      const names = [
        'docker.io/library/journeyname',
        'repo/journeyname:20.04',
        '123456789012.dkr.ecr.eu-west-1.amazonaws.com/journeyname:1',
      ]
      for (const name of names) await d.ok('tag', image, name)
      const shown = await Promise.all(
        ['journeyname', 'repo/journeyname', 'repo/journeyname:latest', names[2]!].map((name) =>
          d.ok('images', '--format', '{{.Repository}}:{{.Tag}}', name),
        ),
      )
      await d.ok('rmi', ...names)
      return shown.map((text) => text.trim())
    },
    gives: [
      'journeyname:latest',
      'repo/journeyname:20.04',
      '',
      '123456789012.dkr.ecr.eu-west-1.amazonaws.com/journeyname:1',
    ],
  },
  {
    rows: '8, 9, 10, 11, 69',
    types: 'docker pull NAME, with a layer that is there already; docker pull NAME:TAG of the same',
    does: async (d) => {
      const name = `${d.registry}/pulled-${d.name}`
      await d.ok('run', '--name', 'journeypull', image, 'sh', '-c', 'echo own > /own')
      await d.ok('commit', 'journeypull', name)
      await d.ok('rm', 'journeypull')
      await d.ok('tag', name, `${name}:stable`)
      for (const tag of ['latest', 'stable']) await d.ok('push', `${name}:${tag}`)
      await d.ok('rmi', name, `${name}:stable`)
      const first = progress(await d.ok('pull', name), d)
      const second = progress(await d.ok('pull', `${name}:stable`), d)
      const ids = lines(await d.ok('images', '-q', '--no-trunc', name))
      await d.ok('rmi', name, `${name}:stable`)
      return [first, second.slice(-2), new Set(ids).size]
    },
    gives: [
      [
        'Using default tag: latest',
        'latest: Pulling from NAME',
        'ID: Already exists',
        'ID: Pull complete',
        'Digest: DIGEST',
        'Status: Downloaded newer image for REGISTRY/NAME:latest',
        'REGISTRY/NAME:latest',
      ],
      ['Status: Downloaded newer image for REGISTRY/NAME:stable', 'REGISTRY/NAME:stable'],
      1,
    ],
  },
  {
    rows: '68',
    types: 'docker search TERM',
    does: async (d) => {
      const results = [{ name: 'nginx', description: 'Web server', star_count: 12, is_official: true }]
      const found = { query: 'nginx', num_results: 1, num_pages: 1, page: 1, page_size: 25, results }
      const [heading = '', row = ''] = await serving(
        (request, response) => {
          response.setHeader('content-type', 'application/json')
          const isSearch = request.url?.startsWith('/v1/search') === true
          response.end(JSON.stringify(isSearch ? found : { repositories: ['nginx'] }))
        },
        async (port) => lines(await d.ok('search', `127.0.0.1:${port}/nginx`)),
      )
      return [words(heading), row.includes('nginx')]
    },
    gives: [['NAME', 'DESCRIPTION', 'STARS', 'OFFICIAL'], true],
  },
]

/** The lines of a pull that stay, without what differs from run to run. */
function progress(text: string, d: Driver): readonly string[] {
  return lines(text)
    .filter(
      (line) => !/: (Pulling fs layer|Waiting|Downloading|Verifying Checksum|Download complete|Extracting)/.test(line),
    )
    .map((line) =>
      line
        .replace(/sha256:[0-9a-f]{64}/, 'DIGEST')
        .replace(/^[0-9a-f]{12}(?=: )/, 'ID')
        .replaceAll(d.registry, 'REGISTRY')
        .replaceAll(`pulled-${d.name}`, 'NAME'),
    )
    .map((line) => line.replace('from REGISTRY/NAME', 'from NAME'))
}
