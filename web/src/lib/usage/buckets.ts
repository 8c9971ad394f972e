import { addDays, localTime, type Span } from '$lib/range/period'
import { isoDay } from '$lib/format/time'
import type { Grain } from './grains'

const HOUR_MS = 3_600_000

/** Where the buckets of a span begin. The first one may be a part: a week that began before. */
export function bucketStarts(span: Span, grain: Grain): Date[] {
  const starts = [span.start]
  for (let at = next(span.start, grain); at < span.end; at = next(at, grain)) starts.push(at)
  return starts
}

/** The bucket a moment belongs to: the last one that has begun, the first for all that was before. */
export function bucketOf(starts: readonly Date[], at: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((starts[middle]?.getTime() ?? 0) <= at) low = middle
    else high = middle - 1
  }
  return low
}

/** The last day of what ends at a midnight. */
export function dayBefore(end: Date): Date {
  return localTime(addDays(isoDay(end), -1))
}

function next(at: Date, grain: Grain): Date {
  const day = isoDay(at)
  switch (grain) {
    case 'hour':
      return new Date(at.getTime() + HOUR_MS)
    case 'day':
      return localTime(addDays(day, 1))
    case 'week':
      return localTime(addDays(day, 7 - ((at.getDay() + 6) % 7)))
    case 'month':
      return new Date(at.getFullYear(), at.getMonth() + 1, 1)
  }
}
