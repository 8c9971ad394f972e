import type { Grain } from '$lib/usage/grains'
import { bucketOf, bucketStarts } from '$lib/usage/buckets'
import { daysIn, type Span } from '$lib/range/period'

/** Fine enough to brush by, and never so many that a bar is thinner than two pixels. */
export function scrubGrain(span: Span): Grain {
  const days = daysIn(span)
  if (days <= 14) return 'hour'
  return days <= 500 ? 'day' : 'week'
}

export interface Bucket {
  start: Date
  end: Date
  calls: number
  errors: number
}

export function scrubBuckets(
  span: Span,
  grain: Grain,
  rows: readonly { start?: string; calls: number; error_calls: number }[],
): Bucket[] {
  const starts = bucketStarts(span, grain)
  const buckets = starts.map((start, at) => ({
    start,
    end: starts[at + 1] ?? span.end,
    calls: 0,
    errors: 0,
  }))
  for (const row of rows) {
    const bucket = buckets[bucketOf(starts, Date.parse(row.start ?? ''))]
    if (!bucket) continue
    bucket.calls += row.calls
    bucket.errors += row.error_calls
  }
  return buckets
}

/** The buckets a stretch covers, the first and the last one; null: none of them. */
export function covered(buckets: readonly Bucket[], span: Span | null): [number, number] | null {
  if (!span) return null
  const first = buckets.findIndex(({ end }) => end > span.start)
  const last = buckets.findLastIndex(({ start }) => start < span.end)
  return first >= 0 && last >= first ? [first, last] : null
}
