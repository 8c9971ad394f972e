import type { Totals } from '$lib/api/types'
import { exactMoney, money, parseNano } from '$lib/format/money'

/** How the cost of a group reads: never 0 when unpriced, "≥" when some of it is. */
export type CostReading =
  { known: false } | { known: true; text: string; exact: string; lowerBound: boolean }

export type Priced = Pick<Totals, 'total_cost_nano' | 'complete'>

export function readCost(totals: Priced): CostReading {
  const nano = parseNano(totals.total_cost_nano)
  if (nano === null) return { known: false }
  const lowerBound = !totals.complete
  const mark = lowerBound ? '≥\u00a0' : ''
  return {
    known: true,
    text: lowerBound && nano === 0n ? '≥\u00a0$0' : mark + money(nano),
    exact: mark + exactMoney(nano),
    lowerBound,
  }
}
