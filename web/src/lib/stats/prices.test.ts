import { describe, expect, it } from 'vitest'
import type { Price, Pricing } from '$lib/api/types'
import { costAt, countsAt, priceOf } from './prices'

const price = (known: Partial<Price> = {}): Price => ({
  input_price: 3,
  output_price: 15,
  cache_creation_price: 3.75,
  cache_creation_1h_price: 6,
  cache_read_price: 0.3,
  effective_date: '2026-01-01',
  origin: 'shipped',
  source: 'price list',
  aliases: [],
  ...known,
})
const haiku = price({ aliases: ['claude-haiku-latest'] })
const pricing: Pricing = {
  models: { 'claude-haiku-4-5': haiku, gone: price({ input_price: null }) },
  unpriced: [],
}

describe('a price', () => {
  it.each(['claude-haiku-4-5', 'claude-haiku-latest', 'claude-haiku-4-5-20251001'])(
    'is found by the name %s',
    (name) => {
      expect(priceOf(pricing, name)).toBe(haiku)
    },
  )

  it('is never guessed', () => {
    expect(priceOf(pricing, 'claude-haiku-4')).toBeUndefined()
    expect(priceOf(pricing, 'gone')).toBeUndefined()
  })
})

it('multiplies in whole nano-dollars', () => {
  expect(costAt(1_000_000, 0.3)).toBe(300_000_000n)
  expect(costAt(1, 3)).toBe(3000n)
  expect(costAt(2_000_000_000, 25)).toBe(50_000_000_000_000n)
})

it('prices every kind by its own price', () => {
  const counts = {
    input_tokens: 1_000_000,
    output_tokens: 2_000_000,
    cache_write_5m_tokens: 1_000_000,
    cache_write_1h_tokens: 1_000_000,
    cache_read_tokens: 10_000_000,
  }
  expect(countsAt(counts, haiku)).toBe(45_750_000_000n)
  expect(countsAt(counts, undefined)).toBeNull()
})
