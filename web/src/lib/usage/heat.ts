import type { Group } from '$lib/api/types'
import { amountOf } from './amounts'
import type { Metric } from './view.svelte'

export const WEEKDAYS = 7
export const HOURS = 24

/** Sums by weekday (Monday first) and hour of the reader's clock. */
export function heat(rows: readonly Group[], metric: Metric): bigint[][] {
  const cells = Array.from({ length: WEEKDAYS }, () => Array.from({ length: HOURS }, () => 0n))
  for (const row of rows) {
    const at = new Date(row.start ?? '')
    const day = cells[(at.getDay() + 6) % WEEKDAYS]
    if (day) day[at.getHours()] = (day[at.getHours()] ?? 0n) + amountOf(row, metric)
  }
  return cells
}

/** Six steps from hardly any to the most; 0 is nothing at all. */
export function heatStep(value: bigint, most: bigint): number {
  if (value <= 0n || most <= 0n) return 0
  return Math.max(1, Math.ceil((Number(value) / Number(most)) * 6))
}
