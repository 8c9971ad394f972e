import { expect, it } from 'vitest'
import { totals } from '../../testing/ledger'
import { modelRows } from './models'

const stats = {
  timezone: 'UTC',
  generated_at: '',
  totals: totals(),
  estimated: null,
  models: {
    cheap: totals({ total_cost_nano: '1000000000' }),
    unpriced: totals({ total_cost_nano: null, total_tokens: 9 }),
    dear: totals({ total_cost_nano: '3000000000' }),
    free: totals({ total_cost_nano: '0', total_tokens: 5 }),
  },
}

it('puts the dearest first and those without a cost by Tokens', () => {
  expect(modelRows(stats).map((row) => row.model)).toEqual(['dear', 'cheap', 'unpriced', 'free'])
})

it('shares the known cost out', () => {
  expect(modelRows(stats).map((row) => row.share)).toEqual([0.75, 0.25, null, 0])
})
