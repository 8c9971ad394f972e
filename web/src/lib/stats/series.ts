import type { SeriesPoint } from '$lib/api/types'
import { dollarsForPlot, parseNano, sumNano } from '$lib/format/money'
import { isoDay } from '$lib/format/time'
import type { Span } from '$lib/range/period'
import { KINDS, type KindFacts } from './kinds'

export type Measure = 'cost' | 'tokens'

/** Amounts of one bucket, one per kind: nano-USD or Tokens, both whole numbers. */
export interface Reading {
  start: Date
  amounts: bigint[]
  total: bigint
}

const HOUR_MS = 3_600_000
const SPARK_MS = 24 * HOUR_MS

/** The kinds that have something to show; web search appears only where it was used. */
export function shownKinds(points: SeriesPoint[], measure: Measure): KindFacts[] {
  return KINDS.filter(
    (kind) => kind.kind !== 'search' || points.some((point) => amount(point, kind, measure) > 0n),
  )
}

export function readings(
  points: SeriesPoint[],
  kinds: readonly KindFacts[],
  measure: Measure,
): Reading[] {
  return points.map((point) => {
    const amounts = kinds.map((kind) => amount(point, kind, measure))
    return { start: new Date(point.start), amounts, total: total(amounts) }
  })
}

/** Whole days out of hours: 168 rows are no table anybody reads. */
export function byDay(rows: Reading[]): Reading[] {
  const days = new Map<string, Reading[]>()
  for (const row of rows) {
    const day = isoDay(row.start)
    days.set(day, [...(days.get(day) ?? []), row])
  }
  return [...days.values()].map(addUp)
}

/** Columns for the chart; floats from here on, for pixels only. */
export function plotColumns(rows: Reading[], kinds: number, measure: Measure): number[][] {
  const toPlot = measure === 'cost' ? dollarsForPlot : Number
  return Array.from({ length: kinds }, (_, kind) =>
    rows.map((row) => toPlot(row.amounts[kind] ?? 0n)),
  )
}

export function bucketMs(points: SeriesPoint[]): number {
  const [first, second] = points
  return first && second ? Date.parse(second.start) - Date.parse(first.start) : HOUR_MS
}

/** The time of some buckets, the first and the last one given. */
export function stretchOf(
  rows: readonly Reading[],
  lengthMs: number,
  first: number,
  last: number,
): Span | null {
  const [from, to] = [rows[first], rows[last]]
  return from && to ? { start: from.start, end: new Date(to.start.getTime() + lengthMs) } : null
}

export interface Sparks {
  cost: number[]
  tokens: number[]
  calls: number[]
  burn: number[]
}

/** The small lines of the figures: always the last 24 hours, whatever range the chart shows. */
export function sparks(points: SeriesPoint[], now: Date): Sparks {
  const recent = points.filter((point) => Date.parse(point.start) > now.getTime() - SPARK_MS)
  const burn = recent.map((point) => dollarsForPlot(pointCost(point)))
  return {
    cost: addingUp(recent.filter((point) => isoDay(new Date(point.start)) === isoDay(now))),
    tokens: recent.map(pointTokens),
    calls: recent.map((point) => point.calls),
    burn,
  }
}

function addingUp(points: SeriesPoint[]): number[] {
  let sum = 0n
  return points.map((point) => dollarsForPlot((sum += pointCost(point))))
}

function addUp(rows: Reading[]): Reading {
  const [first] = rows
  const kinds = first?.amounts.length ?? 0
  const amounts = Array.from({ length: kinds }, (_, kind) =>
    total(rows.map((row) => row.amounts[kind] ?? 0n)),
  )
  return { start: first?.start ?? new Date(0), amounts, total: total(amounts) }
}

function amount(point: SeriesPoint, kind: KindFacts, measure: Measure): bigint {
  if (measure === 'cost') return parseNano(kind.cost(point)) ?? 0n
  return BigInt(kind.tokens?.(point) ?? 0)
}

function pointCost(point: SeriesPoint): bigint {
  return sumNano(KINDS.map((kind) => kind.cost(point)))
}

function pointTokens(point: SeriesPoint): number {
  return (
    point.input_tokens + point.output_tokens + point.cache_creation_tokens + point.cache_read_tokens
  )
}

function total(amounts: bigint[]): bigint {
  return amounts.reduce((sum, one) => sum + one, 0n)
}
