import { describe, expect, it } from 'vitest'
import { totals } from '../../testing/ledger'
import { callsChange, costChange, moved } from './change'

const spent = (nano: string | null, complete = true) =>
  totals({ calls: 1, total_cost_nano: nano, complete })

describe('the change of cost', () => {
  it('is a percentage between two whole amounts', () => {
    expect(costChange(spent('112'), spent('100'))).toEqual({ kind: 'percent', percent: 12 })
  })

  it('shows only the base when either is a lower bound', () => {
    expect(costChange(spent('112', false), spent('100'))).toEqual({ kind: 'base', nano: 100n })
    expect(costChange(spent('112'), spent('100', false))).toEqual({ kind: 'base', nano: 100n })
  })

  it('has no base on the first day, nor where nothing was priced', () => {
    expect(costChange(spent('112'), totals())).toEqual({ kind: 'no-base' })
    expect(costChange(spent('112'), spent(null))).toEqual({ kind: 'no-base' })
  })
})

it('compares calls', () => {
  expect(callsChange(totals({ calls: 3 }), totals({ calls: 2 }))).toMatchObject({ percent: 50 })
  expect(callsChange(totals({ calls: 3 }), totals())).toEqual({ kind: 'no-base' })
})

it('moves by the known parts', () => {
  expect(moved(spent('5'), spent('12'))).toBe(-7n)
  expect(moved(spent(null), spent('12'))).toBe(-12n)
})
