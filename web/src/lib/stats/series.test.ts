import { describe, expect, it } from 'vitest'
import { point } from '../../testing/ledger'
import { bucketMs, byDay, plotColumns, readings, shownKinds, sparks, stretchOf } from './series'

const at = (day: number, hour: number) => new Date(2026, 10, day, hour)

const points = [
  point(at(19, 23), {
    calls: 2,
    output_tokens: 30,
    output_cost_nano: '9007199254740993',
    cache_read_tokens: 70,
    cache_read_cost_nano: '7',
  }),
  point(at(20, 0), { calls: 1, input_tokens: 5, input_cost_nano: '2000000000' }),
  point(at(20, 1), { calls: 4, output_tokens: 8, output_cost_nano: '1000000000' }),
]

describe('readings', () => {
  it('go bottom to top: read, write, input, output', () => {
    const kinds = shownKinds(points, 'cost')
    expect(kinds.map((kind) => kind.kind)).toEqual(['read', 'write', 'input', 'output'])
  })

  it('show web search only where it was used, and never as Tokens', () => {
    const searched = [point(at(20, 2), { web_search_cost_nano: '10000000' })]
    expect(shownKinds(searched, 'cost').at(-1)?.kind).toBe('search')
    expect(shownKinds(searched, 'tokens')).toHaveLength(4)
  })

  it('stay exact beyond the reach of floats', () => {
    const [first] = readings(points, shownKinds(points, 'cost'), 'cost')
    expect(first?.total).toBe(9_007_199_254_741_000n)
  })

  it('count Tokens when asked to', () => {
    const [first] = readings(points, shownKinds(points, 'tokens'), 'tokens')
    expect(first?.amounts).toEqual([70n, 0n, 0n, 30n])
  })

  it('take an unpriced part as nothing known', () => {
    const [row] = readings(
      [point(at(20, 0), { input_cost_nano: null })],
      shownKinds([], 'cost'),
      'cost',
    )
    expect(row?.total).toBe(0n)
  })

  it('add up to days', () => {
    const rows = byDay(readings(points, shownKinds(points, 'tokens'), 'tokens'))
    expect(rows.map((row) => row.total)).toEqual([100n, 13n])
    expect(rows[1]?.start).toEqual(at(20, 0))
  })
})

describe('columns and buckets', () => {
  it('has one column per kind', () => {
    const rows = readings(points, shownKinds(points, 'cost'), 'cost')
    expect(plotColumns(rows, 4, 'cost')[2]).toEqual([0, 2, 0])
  })

  it('knows its grain', () => {
    expect(bucketMs(points)).toBe(3_600_000)
    expect(bucketMs([])).toBe(3_600_000)
  })
})

describe('sparks', () => {
  it('add the cost of today up since midnight', () => {
    expect(sparks(points, at(20, 1)).cost).toEqual([2, 3])
  })

  it('never reach further back than a day', () => {
    const old = point(at(18, 0), { calls: 99 })
    expect(sparks([old, ...points], at(20, 1)).calls).toEqual([2, 1, 4])
  })
})

it('knows the time of buckets that lie side by side', () => {
  const rows = readings(points, shownKinds(points, 'cost'), 'cost')
  expect(stretchOf(rows, 3_600_000, 1, 2)).toEqual({ start: at(20, 0), end: at(20, 2) })
  expect(stretchOf(rows, 3_600_000, 1, 9)).toBeNull()
})
