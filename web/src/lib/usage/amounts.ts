import type { Measured } from '$lib/api/types'
import { exactMoney, money, parseNano } from '$lib/format/money'
import { compact, exact } from '$lib/format/numbers'
import type { Locale } from '$lib/i18n/locale'
import type { Metric } from './view.svelte'

/** How much of a metric a group has, as a whole number: nano-USD, Tokens or calls. */
export function amountOf(totals: Measured, metric: Metric): bigint {
  if (metric === 'cost') return parseNano(totals.total_cost_nano) ?? 0n
  return BigInt(metric === 'tokens' ? totals.total_tokens : totals.calls)
}

export function shortAmount(value: bigint, metric: Metric, locale: Locale): string {
  return metric === 'cost' ? money(value) : compact(Number(value), locale)
}

export function exactAmount(value: bigint, metric: Metric, locale: Locale): string {
  if (metric === 'cost') return value === 0n ? '–' : exactMoney(value)
  return exact(Number(value), locale)
}

/** A part of a whole as a number between 0 and 1, for pixels and percentages. */
export function shareOf(part: bigint, whole: bigint): number {
  return whole > 0n ? Number(part) / Number(whole) : 0
}

/** What the API sorts by. */
export function orderBy(metric: Metric): string {
  return { cost: '-total_cost', tokens: '-total_tokens', calls: '-calls' }[metric]
}
