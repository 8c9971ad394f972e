import { describe, expect, it } from 'vitest'
import type { Group, Split } from '$lib/api/types'
import { localTime } from '$lib/range/period'
import { totals } from '../../testing/ledger'
import { ghost, layers, OTHERS, sums, WHOLE } from './layers'

const starts = [localTime('2026-11-19'), localTime('2026-11-20')]

function row(day: string, known: Partial<Group<Split>>): Group<Split> {
  return { ...totals(), start: localTime(day).toISOString(), ...known }
}

describe('split by kind', () => {
  it('puts kinds into their order and their bucket', () => {
    const rows = [
      row('2026-11-20', { input_cost_nano: '1', cache_read_cost_nano: '4' }),
      row('2026-11-19', { output_cost_nano: null }),
    ]
    const found = layers(rows, starts, 'cost', 'kind')
    expect(found.map(({ id, values }) => [id, values])).toEqual([
      ['read', [0n, 4n]],
      ['write', [0n, 0n]],
      ['input', [0n, 1n]],
      ['output', [0n, 0n]],
    ])
    expect(sums(found, 2)).toEqual([0n, 5n])
  })

  it('shows web searches only where there were some', () => {
    const rows = [row('2026-11-20', { web_search_cost_nano: '7' })]
    expect(layers(rows, starts, 'cost', 'kind').at(-1)?.values).toEqual([0n, 7n])
    expect(layers(rows, starts, 'tokens', 'kind').map(({ id }) => id)).not.toContain('search')
  })

  it('leaves calls whole: a call is of no kind', () => {
    const found = layers([row('2026-11-19', { calls: 3 })], starts, 'calls', 'kind')
    expect(found.map(({ id, values }) => [id, values])).toEqual([[WHOLE, [3n, 0n]]])
  })
})

describe('split by model', () => {
  const spent = (model: string, nano: string) => row('2026-11-20', { model, total_cost_nano: nano })

  it('ranks models and never loses one', () => {
    const rows = ['10', '60', '50', '40', '30', '20'].map((nano) => spent(`m${nano}`, nano))
    const found = layers(rows, starts, 'cost', 'model')
    expect(found.map(({ id }) => id)).toEqual(['m60', 'm50', 'm40', 'm30', OTHERS])
    expect(found.at(-1)?.values).toEqual([0n, 30n])
    expect(sums(found, 2)).toEqual([0n, 210n])
  })

  it('gives five models a colour each', () => {
    const rows = ['5', '4', '3', '2', '1'].map((nano) => spent(`m${nano}`, nano))
    const found = layers(rows, starts, 'cost', 'model')
    expect(new Set(found.map(({ color }) => color)).size).toBe(5)
    expect(found.map(({ id }) => id)).not.toContain(OTHERS)
  })
})

it('holds the period before against the same bucket', () => {
  const rows = [
    row('2026-11-19', { previous: totals({ calls: 2 }) }),
    row('2026-11-20', { previous: totals({ calls: 3 }) }),
    row('2026-11-20', { previous: totals({ calls: 4 }) }),
  ]
  expect(ghost(rows, starts, 'calls')).toEqual([2n, 7n])
})
