import { describe, expect, it } from 'vitest'
import { formatList } from '../../src/ui/list.ts'
import type { ListOptions } from '../../src/ui/list.ts'

interface Row {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

const rows: readonly Row[] = [
  { id: 'abc', name: 'web', labels: { 'com.x.tier': 'front' } },
  { id: 'def', name: 'a-much-longer-name', labels: {} },
]
const base: ListOptions<Row> = {
  columns: {
    ID: { header: 'CONTAINER ID', value: ({ id }) => id },
    Names: { header: 'NAMES', value: ({ name }) => name },
    Label: { header: '', value: (row) => (key: unknown) => row.labels[String(key)] ?? '' },
  },
  shown: ['ID', 'Names'],
}

describe('formatList', () => {
  it.for([
    [undefined, 'CONTAINER ID   NAMES\nabc            web\ndef            a-much-longer-name\n'],
    ['table', 'CONTAINER ID   NAMES\nabc            web\ndef            a-much-longer-name\n'],
    ['{{.ID}}', 'abc\ndef\n'],
    ['{{.ID}}\\t{{.Names}}', 'abc\tweb\ndef\ta-much-longer-name\n'],
    ['json', '{"ID":"abc","Names":"web"}\n{"ID":"def","Names":"a-much-longer-name"}\n'],
    ['{{json .}}', '{"ID":"abc","Names":"web"}\n{"ID":"def","Names":"a-much-longer-name"}\n'],
    [
      'table {{.Names}}\\t{{.ID}}',
      'NAMES                CONTAINER ID\nweb                  abc\na-much-longer-name   def\n',
    ],
    ['table {{.ID}}\t{{.Label "com.x.tier"}}', 'CONTAINER ID   tier\nabc            front\ndef            \n'],
  ] as const)('%s', ([format, want]) => {
    expect(formatList(rows, { ...base, format })).toBe(want)
  })

  it('JSON has its keys by the alphabet and no sign that HTML knows', () => {
    const columns = { b: { header: '', value: () => '<none> & \u2028' }, a: { header: '', value: () => 1 } }
    const want = String.raw`{"a":1,"b":"\u003cnone\u003e \u0026 \u2028"}`
    for (const format of ['json', '{{json .}}', '{{ json . }}'])
      expect(formatList([{}], { columns, shown: [], format })).toBe(`${want}\n`)
  })

  it('quiet prints one column, unless a format asks for more', () => {
    expect(formatList(rows, { ...base, quiet: 'ID' })).toBe('abc\ndef\n')
    expect(formatList(rows, { ...base, quiet: 'ID', format: '{{.Names}}' })).toBe('web\na-much-longer-name\n')
  })

  it('an empty list is a heading', () => {
    expect(formatList([], base)).toBe('CONTAINER ID   NAMES\n')
    expect(formatList([], { ...base, format: 'json' })).toBe('')
  })

  it('text of foreign origin cannot drive the terminal', () => {
    const hostile: Row = { id: 'x\u001b[2J', name: 'a\nb', labels: {} }
    expect(formatList([hostile], { ...base, format: 'table' })).not.toContain('\u001b')
    expect(formatList([hostile], base).split('\n')).toHaveLength(3)
  })
})
