import type { Group, Split } from '$lib/api/types'
import { parseNano } from '$lib/format/money'
import { KINDS, type KindFacts } from '$lib/stats/kinds'
import { amountOf } from './amounts'
import { bucketOf } from './buckets'
import type { Metric, Stack } from './view.svelte'

/** One colour of the chart: an amount for every bucket. */
export interface Layer {
  /** A kind of token, a model, or what is left. */
  id: string
  color: string
  values: bigint[]
}

type Row = Group<Split>

/** All models but the dearest few, and calls that nothing splits. */
export const OTHERS = 'others'
export const WHOLE = 'whole'

const MODEL_COLORS = ['--model-1', '--model-2', '--model-3', '--model-4', '--model-5']

/** Bottom to top, without layers that have nothing to show. */
export function layers(
  rows: readonly Row[],
  starts: readonly Date[],
  metric: Metric,
  stack: Stack,
): Layer[] {
  if (stack === 'model') return byModel(rows, starts, metric)
  if (metric === 'calls') {
    return [layer(WHOLE, '--model-1', rows, starts, (row) => BigInt(row.calls))]
  }
  return KINDS.map((kind) =>
    layer(kind.kind, kind.color, rows, starts, (row) => kindAmount(row, kind, metric)),
  ).filter((each) => each.id !== 'search' || each.values.some((value) => value > 0n))
}

/** What was there a period before, by the bucket it is held against. */
export function ghost(rows: readonly Row[], starts: readonly Date[], metric: Metric): bigint[] {
  return layer('', '', rows, starts, (row) => (row.previous ? amountOf(row.previous, metric) : 0n))
    .values
}

export function sums(all: readonly Layer[], buckets: number): bigint[] {
  return Array.from({ length: buckets }, (_, at) =>
    all.reduce((sum, each) => sum + (each.values[at] ?? 0n), 0n),
  )
}

function byModel(rows: readonly Row[], starts: readonly Date[], metric: Metric): Layer[] {
  const whole = new Map<string, bigint>()
  for (const row of rows) {
    const name = row.model ?? ''
    whole.set(name, (whole.get(name) ?? 0n) + amountOf(row, metric))
  }
  const ranked = [...whole].sort(([, a], [, b]) => Number(b - a)).map(([name]) => name)
  const few = ranked.slice(0, ranked.length > MODEL_COLORS.length ? 4 : MODEL_COLORS.length)
  const own = few.map((name, at) =>
    layer(
      name,
      MODEL_COLORS[at] ?? '--model-5',
      rows.filter((row) => row.model === name),
      starts,
      (row) => amountOf(row, metric),
    ),
  )
  const others = rows.filter((row) => !few.includes(row.model ?? ''))
  if (others.length === 0) return own
  return [...own, layer(OTHERS, '--model-rest', others, starts, (row) => amountOf(row, metric))]
}

function layer(
  id: string,
  color: string,
  rows: readonly Row[],
  starts: readonly Date[],
  amount: (row: Row) => bigint,
): Layer {
  const values = starts.map(() => 0n)
  for (const row of rows) {
    const at = bucketOf(starts, Date.parse(row.start ?? ''))
    values[at] = (values[at] ?? 0n) + amount(row)
  }
  return { id, color, values }
}

function kindAmount(row: Row, kind: KindFacts, metric: Metric): bigint {
  if (metric === 'cost') return parseNano(kind.cost(row)) ?? 0n
  return BigInt(kind.tokens?.(row) ?? 0)
}
