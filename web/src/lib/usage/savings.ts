import type { Group, Pricing, Split } from '$lib/api/types'
import { parseNano } from '$lib/format/money'
import { costAt, priceOf } from '$lib/stats/prices'

/** Input that went through the cache: what it cost, and what it would have cost as plain input. */
export interface Savings {
  paid: bigint
  uncached: bigint
  saved: bigint
  /** Models whose plain price is not known; they are left out on both sides. */
  unknown: string[]
}

export function savings(models: readonly Group<Split>[], pricing: Pricing): Savings {
  let paid = 0n
  let uncached = 0n
  const unknown: string[] = []
  for (const row of models) {
    const tokens = row.cache_read_tokens + row.cache_creation_tokens
    if (tokens === 0) continue
    const price = priceOf(pricing, row.model ?? '')
    if (!price || row.total_cost_nano === null) unknown.push(row.model ?? '')
    else {
      uncached += costAt(tokens, price.input_price ?? 0)
      paid += booked(row)
    }
  }
  return { paid, uncached, saved: uncached - paid, unknown }
}

function booked(row: Split): bigint {
  return (
    (parseNano(row.cache_read_cost_nano) ?? 0n) + (parseNano(row.cache_creation_cost_nano) ?? 0n)
  )
}
