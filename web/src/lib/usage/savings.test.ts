import { expect, it } from 'vitest'
import type { Pricing } from '$lib/api/types'
import { totals } from '../../testing/ledger'
import { savings } from './savings'

const pricing: Pricing = {
  models: {
    a: {
      input_price: 5,
      output_price: 25,
      cache_creation_price: 6.25,
      cache_creation_1h_price: 10,
      cache_read_price: 0.5,
      effective_date: null,
      origin: 'shipped',
      source: '',
      aliases: [],
    },
  },
  unpriced: [],
}
const cached = (model: string, read: number, written: number, paid: string | null) => ({
  ...totals({
    cache_read_tokens: read,
    cache_creation_tokens: written,
    cache_read_cost_nano: paid,
    cache_creation_cost_nano: '0',
    total_cost_nano: paid,
  }),
  model,
})

it('holds what was booked against the plain price', () => {
  const found = savings([cached('a', 9_000_000, 1_000_000, '10750000000')], pricing)
  expect(found).toEqual({
    paid: 10_750_000_000n,
    uncached: 50_000_000_000n,
    saved: 39_250_000_000n,
    unknown: [],
  })
})

it('leaves models without a price out on both sides, and names them', () => {
  const rows = [
    cached('b', 1_000_000, 0, '5'),
    cached('a', 1_000_000, 0, null),
    cached('c', 0, 0, '9'),
  ]
  expect(savings(rows, pricing)).toEqual({ paid: 0n, uncached: 0n, saved: 0n, unknown: ['b', 'a'] })
})
