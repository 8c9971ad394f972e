import { expect, it } from 'vitest'
import { isoDay } from '$lib/format/time'
import { localTime } from '$lib/range/period'
import { bucketOf, bucketStarts } from './buckets'
import { chooseGrain, grainsFor, type Grain } from './grains'

const span = (from: string, to: string) => ({ start: localTime(from), end: localTime(to) })

it('cuts days into hours', () => {
  const starts = bucketStarts(span('2026-11-20', '2026-11-21'), 'hour')
  expect(starts).toHaveLength(24)
  expect(starts[13]?.getHours()).toBe(13)
})

it.each<[Grain, string[]]>([
  ['week', ['2026-10-28', '2026-11-02', '2026-11-09']],
  ['month', ['2026-10-28', '2026-11-01']],
])('begins a %s where the calendar does, the first one where the span does', (grain, days) => {
  const starts = bucketStarts(span('2026-10-28', '2026-11-12'), grain)
  expect(starts.map(isoDay)).toEqual(days)
})

it('finds the bucket of a moment', () => {
  const starts = bucketStarts(span('2026-11-01', '2026-11-05'), 'day')
  const at = (text: string) => bucketOf(starts, localTime(text).getTime())
  expect(['2026-11-01', '2026-11-02T23:59', '2026-11-04', '2026-12-01'].map(at)).toEqual([
    0, 1, 3, 3,
  ])
  expect(at('2026-10-26')).toBe(0)
})

it('offers grains that make a chart', () => {
  expect(grainsFor(span('2026-11-20', '2026-11-21'))).toEqual(['hour'])
  expect(grainsFor(span('2026-11-01', '2026-11-21'))).toEqual(['hour', 'day', 'week'])
  expect(grainsFor(span('2026-01-01', '2026-11-21'))).toEqual(['day', 'week', 'month'])
})

it('takes the grain that was asked for only where it makes sense', () => {
  expect(chooseGrain(span('2026-11-01', '2026-11-21'), 'week')).toBe('week')
  expect(chooseGrain(span('2026-11-01', '2026-11-21'), 'month')).toBe('day')
  expect(chooseGrain(span('2026-11-20', '2026-11-21'), null)).toBe('hour')
  expect(chooseGrain(span('2025-11-20', '2026-11-21'), null)).toBe('week')
  expect(chooseGrain(span('2020-11-20', '2026-11-21'), null)).toBe('month')
})
