import type { Totals } from '$lib/api/types'
import { parseNano, percentChange } from '$lib/format/money'

export type Change =
  { kind: 'percent'; percent: number } | { kind: 'base'; nano: bigint } | { kind: 'no-base' }

/** Today's cost against yesterday's; two lower bounds have no honest percentage. */
export function costChange(today: Totals, yesterday: Totals): Change {
  const base = parseNano(yesterday.total_cost_nano)
  if (yesterday.calls === 0) return { kind: 'no-base' }
  if (base === null) return { kind: 'no-base' }
  const now = parseNano(today.total_cost_nano) ?? 0n
  const percent = percentChange(now, base)
  if (percent === null || !today.complete || !yesterday.complete)
    return { kind: 'base', nano: base }
  return { kind: 'percent', percent }
}

export function callsChange(today: Totals, yesterday: Totals): Change {
  const percent = percentChange(BigInt(today.calls), BigInt(yesterday.calls))
  return percent === null ? { kind: 'no-base' } : { kind: 'percent', percent }
}

/** What a project's cost moved by: known parts only. */
export function moved(today: Totals, yesterday: Totals): bigint {
  return (parseNano(today.total_cost_nano) ?? 0n) - (parseNano(yesterday.total_cost_nano) ?? 0n)
}
