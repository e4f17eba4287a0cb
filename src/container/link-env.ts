/** What a linked container offers, as docker's legacy links tell of it. */
export interface LinkedService {
  readonly alias: string
  readonly address: string
  /** `80/tcp` */
  readonly exposed: readonly string[]
  readonly env: readonly string[]
}

interface Port {
  readonly number: number
  readonly proto: string
}

/** Variables that tell the container `owner` where a linked one is: `DB_PORT`, `DB_PORT_5432_TCP_ADDR`, `DB_NAME`, `DB_ENV_…`. Pure. */
export function linkEnv(owner: string, { alias, address, exposed, env }: LinkedService): readonly string[] {
  const prefix = alias.toUpperCase().replaceAll('-', '_')
  const ports = exposed.map(portOf).toSorted((a, b) => a.number - b.number || (a.proto === 'tcp' ? -1 : 1))
  const url = ({ number, proto }: Port): string => `${proto}://${address}:${number}`
  const key = ({ number, proto }: Port): string => `${prefix}_PORT_${number}_${proto.toUpperCase()}`
  const [first] = ports
  return [
    ...(first === undefined ? [] : [`${prefix}_PORT=${url(first)}`]),
    ...contiguous(ports).flatMap(([start, end]) => [
      `${key(start)}_START=${url(start)}`,
      `${key(start)}_PORT_START=${start.number}`,
      `${key(start)}_END=${url(end)}`,
      `${key(start)}_PORT_END=${end.number}`,
    ]),
    ...ports.flatMap((port) => [
      `${key(port)}=${url(port)}`,
      `${key(port)}_ADDR=${address}`,
      `${key(port)}_PORT=${port.number}`,
      `${key(port)}_PROTO=${port.proto}`,
    ]),
    `${prefix}_NAME=/${owner}/${alias}`,
    ...env.filter((entry) => !/^(HOME|PATH)=/.test(entry)).map((entry) => `${prefix}_ENV_${entry}`),
  ]
}

function portOf(word: string): Port {
  const [number, proto = 'tcp'] = word.split('/')
  return { number: Number(number), proto }
}

/** First and last of every run of two or more neighbours of one protocol. */
function contiguous(ports: readonly Port[]): readonly (readonly [Port, Port])[] {
  const runs: [Port, Port][] = []
  for (const port of ports) {
    const last = runs.at(-1)
    if (last?.[1].proto === port.proto && last[1].number + 1 === port.number) last[1] = port
    else runs.push([port, port])
  }
  return runs.filter(([start, end]) => start !== end)
}
