import type { Price, Pricing } from '$lib/api/types'
import { priceOf } from '$lib/stats/prices'

export interface PriceRow {
  model: string
  price: Price
  used: boolean
}

/** Models that are on the ledger first, in its order; then the others by name. */
export function priceRows(pricing: Pricing, used: readonly string[]): PriceRow[] {
  const rank = new Map(used.map((model, at) => [priceOf(pricing, model), at]))
  const place = ({ price }: PriceRow) => rank.get(price) ?? used.length
  return Object.entries(pricing.models)
    .map(([model, price]) => ({ model, price, used: rank.has(price) }))
    .sort((a, b) => place(a) - place(b) || a.model.localeCompare(b.model))
}

/** "$3.00", "$0.075": USD for a million Tokens. */
export function unitPrice(dollars: number | null): string {
  if (dollars === null) return '–'
  return `$${dollars.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 4 })}`
}
