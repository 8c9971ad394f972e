import type { Counts, Price, Pricing } from '$lib/api/types'

const NANO = 1e9
const MILLION = 1_000_000n
const DATED = /-\d{8}$/

/** The price of a model by any name it goes by; undefined where there is none now. */
export function priceOf({ models }: Pricing, model: string): Price | undefined {
  const named = (name: string) =>
    models[name] ?? Object.values(models).find(({ aliases }) => aliases.includes(name))
  const found = named(model) ?? named(model.replace(DATED, ''))
  return found?.input_price === null ? undefined : found
}

/** So many tokens at a price for a million of them, in nano-USD. */
export function costAt(tokens: number, dollars: number): bigint {
  return (BigInt(tokens) * BigInt(Math.round(dollars * NANO))) / MILLION
}

/** What counts would have cost at a model's usual prices, in nano-USD; null without a price. */
export function countsAt(counts: Counts, price: Price | undefined): bigint | null {
  if (!price) return null
  const parts: [number, number | null][] = [
    [counts.input_tokens, price.input_price],
    [counts.output_tokens, price.output_price],
    [counts.cache_write_5m_tokens, price.cache_creation_price],
    [counts.cache_write_1h_tokens, price.cache_creation_1h_price],
    [counts.cache_read_tokens, price.cache_read_price],
  ]
  return parts.reduce((sum, [tokens, dollars]) => sum + costAt(tokens, dollars ?? 0), 0n)
}
