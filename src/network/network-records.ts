import { TsbuildError } from '../base/errors.ts'
import type { Database } from '../store/db/database.ts'

/** A network that containers join. */
export interface Network {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  readonly createdAt: number
  /** `host` and `null` are the two that have no bridge: host and none. */
  readonly driver: 'bridge' | 'host' | 'null'
  /** Name of the interface on the host; empty without a bridge. */
  readonly bridge: string
  readonly subnets: readonly Subnet[]
  /** No way out. */
  readonly internal: boolean
  readonly ipv6: boolean
  readonly masquerade: boolean
  /** 0: the kernel's. */
  readonly mtu: number
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
}

export interface Subnet {
  /** CIDR. */
  readonly subnet: string
  readonly gateway: string
  /** CIDR out of which addresses are given; absent: all of the subnet. */
  readonly range?: string
  /** Addresses that no container gets, by name: what else is on the network. */
  readonly reserved?: Readonly<Record<string, string>>
  /** Chosen by us: another may take its place while nobody uses it. */
  readonly auto: boolean
}

/** True for host and none as well, which have no subnets of their own. */
export function hasIpv4({ subnets }: Network): boolean {
  return subnets.length === 0 || subnets.some(({ subnet }) => !subnet.includes(':'))
}

/** A place in a network, held by a container while it runs or by a build step. */
export interface Endpoint {
  readonly id: string
  readonly network: string
  /** Container's or step's id. */
  readonly owner: string
  readonly address: string
  readonly address6: string
  readonly mac: string
  /** Interface inside. */
  readonly interface: string
  readonly aliases: readonly string[]
  /** Under which others find it. */
  readonly names: readonly string[]
}

interface NetworkRow {
  readonly id: string
  readonly name: string
  readonly created_at: number
  readonly record: string
}

interface EndpointRow {
  readonly network: string
  readonly owner: string
  readonly address: string
  readonly record: string
}

/** Rows of `networks` and `endpoints`. */
export interface NetworkRecords {
  /** False when the name is taken. */
  insert(network: Network): boolean
  save(network: Network): void
  /** By name, id, or unambiguous prefix of the id. ID_AMBIGUOUS. */
  find(word: string): Network | undefined
  list(): readonly Network[]
  remove(id: string): void
  /** `lease` is given for what vanishes with this process. */
  addEndpoint(endpoint: Endpoint, lease: number | null): void
  endpointsOf(owner: string): readonly Endpoint[]
  endpointsIn(network: string): readonly Endpoint[]
  /** Every address that is given in the network, of both families. */
  addressesIn(network: string): readonly string[]
  removeEndpoints(owner: string, network?: string): void
}

export function networkRecords(db: Database): NetworkRecords {
  const columns = 'id, name, created_at, record'
  return {
    insert({ id, name, createdAt, ...record }) {
      const sql = 'INSERT OR IGNORE INTO networks (id, name, created_at, record) VALUES (?, ?, ?, ?)'
      return db.run(sql, id, name, createdAt, JSON.stringify(record)).changes === 1
    },
    save: ({ id, name: _name, createdAt: _created, ...record }) =>
      void db.run('UPDATE networks SET record = ? WHERE id = ?', JSON.stringify(record), id),
    find(word) {
      const exact = db.get<NetworkRow>(`SELECT ${columns} FROM networks WHERE name = ? OR id = ?`, word, word)
      if (exact !== undefined) return toNetwork(exact)
      if (!/^[0-9a-f]+$/.test(word)) return undefined
      const rows = db.all<NetworkRow>(
        `SELECT ${columns} FROM networks WHERE id >= ? AND id < ? LIMIT 2`,
        word,
        `${word}g`,
      )
      if (rows.length < 2) return rows[0] === undefined ? undefined : toNetwork(rows[0])
      throw new TsbuildError('ID_AMBIGUOUS', `The id prefix "${word}" fits several networks`, {
        hint: 'Give more characters',
      })
    },
    list: () => db.all<NetworkRow>(`SELECT ${columns} FROM networks ORDER BY name`).map(toNetwork),
    remove: (id) => void db.run('DELETE FROM networks WHERE id = ?', id),
    addEndpoint({ network, owner, ...record }, lease) {
      const sql = 'INSERT INTO endpoints (network, owner, lease, address, record) VALUES (?, ?, ?, ?, ?)'
      db.run(sql, network, owner, lease, record.address || record.address6, JSON.stringify(record))
    },
    endpointsOf: (owner) =>
      db
        .all<EndpointRow>('SELECT network, owner, address, record FROM endpoints WHERE owner = ?', owner)
        .map(toEndpoint)
        .toSorted(byInterface),
    endpointsIn: (network) =>
      db
        .all<EndpointRow>('SELECT network, owner, address, record FROM endpoints WHERE network = ?', network)
        .map(toEndpoint),
    addressesIn: (network) =>
      db
        .all<{ address: string }>(
          `SELECT address FROM endpoints WHERE network = ?1
         UNION SELECT json_extract(record, '$.address6') FROM endpoints WHERE network = ?1`,
          network,
        )
        .map(({ address }) => address),
    removeEndpoints: (owner, network) =>
      void (network === undefined
        ? db.run('DELETE FROM endpoints WHERE owner = ?', owner)
        : db.run('DELETE FROM endpoints WHERE owner = ? AND network = ?', owner, network)),
  }
}

/** Networks may name the interfaces of their containers differently, the numbers follow the order of joining. */
function byInterface(a: Endpoint, b: Endpoint): number {
  const number = ({ interface: name }: Endpoint): number => Number(/\d+$/.exec(name)?.[0])
  return number(a) - number(b)
}

function toNetwork({ id, name, created_at: createdAt, record }: NetworkRow): Network {
  return { id, name, createdAt, ...(JSON.parse(record) as Omit<Network, 'id' | 'name' | 'createdAt'>) }
}

function toEndpoint({ network, owner, address, record }: EndpointRow): Endpoint {
  const members = JSON.parse(record) as Omit<Endpoint, 'network' | 'owner' | 'address'> & { readonly address?: string }
  return { network, owner, ...members, address: members.address ?? address }
}
