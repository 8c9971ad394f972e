import type { CurrentStats, Totals } from '$lib/api/types'
import { parseNano } from '$lib/format/money'

export interface ModelRow {
  model: string
  totals: Totals
  /** Part of the whole cost, null where the model has no price. */
  share: number | null
}

/** Dearest first; models without a price follow by Tokens. */
export function modelRows(stats: CurrentStats): ModelRow[] {
  const rows = Object.entries(stats.models)
  const whole = rows.reduce((sum, [, totals]) => sum + cost(totals), 0n)
  return rows
    .map(([model, totals]) => ({ model, totals, share: share(totals, whole) }))
    .sort(
      (a, b) => compareCost(a.totals, b.totals) || b.totals.total_tokens - a.totals.total_tokens,
    )
}

function share(totals: Totals, whole: bigint): number | null {
  if (totals.total_cost_nano === null || whole === 0n) return null
  return Number(cost(totals)) / Number(whole)
}

function compareCost(a: Totals, b: Totals): number {
  const difference = cost(b) - cost(a)
  return difference === 0n ? 0 : difference > 0n ? 1 : -1
}

function cost(totals: Totals): bigint {
  return parseNano(totals.total_cost_nano) ?? 0n
}
