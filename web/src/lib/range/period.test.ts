import { describe, expect, it } from 'vitest'
import { isoDay } from '$lib/format/time'
import {
  addDays,
  daysIn,
  isCustom,
  lastDays,
  localTime,
  parsePeriod,
  periodOf,
  periodText,
  rangeParams,
  spanBefore,
  spanOf,
  stepped,
  type Period,
} from './period'

const TODAY = '2026-11-20'
const days = (from: string, to: string) => ({ from, to })
const span = (period: Period) => spanOf(period, TODAY, '2026-09-30')
const firstAndLast = (period: Period) => {
  const { start, end } = span(period)
  return [isoDay(start), addDays(isoDay(end), -1)]
}

describe('what an address asks for', () => {
  it.each(['today', '7d', '30d', '90d', 'month', 'all', '2026-11-01..2026-11-20'])(
    '%s is read and written',
    (text) => {
      expect(periodText(parsePeriod(text))).toBe(text)
    },
  )

  it.each([
    null,
    '',
    '5d',
    '2026-11-20..2026-11-01',
    '2026-02-30..2026-03-01',
    '2026-11-01..',
    '2026-11-01..2026-11-02T10:00',
    '2026-11-01T10:00..2026-11-01T10:00',
  ])('%s is the usual period', (text) => {
    expect(parsePeriod(text)).toBe('30d')
  })

  it('understands the first page', () => {
    expect(parsePeriod('24h')).toBe('today')
  })
})

describe('the span of a period', () => {
  it.each<[Period, string, string]>([
    ['today', '2026-11-20', '2026-11-20'],
    ['7d', '2026-11-14', '2026-11-20'],
    ['30d', '2026-10-22', '2026-11-20'],
    ['month', '2026-11-01', '2026-11-20'],
    ['all', '2026-09-30', '2026-11-20'],
    [days('2026-02-27', '2026-03-01'), '2026-02-27', '2026-03-01'],
  ])('%o goes from %s to %s', (period, first, last) => {
    expect(firstAndLast(period)).toEqual([first, last])
  })

  it('is today while nothing is recorded, and never begins after today', () => {
    expect(daysIn(spanOf('all', TODAY, null))).toBe(1)
    expect(daysIn(spanOf('all', TODAY, '2027-01-01'))).toBe(1)
  })

  it('is asked for by dates where it is whole days, else by moments', () => {
    expect(rangeParams(span('7d'))).toEqual({ start_date: '2026-11-14', end_date: '2026-11-20' })
    const part = span({ from: '2026-11-20T08:00', to: '2026-11-20T14:30' })
    expect(rangeParams(part)).toEqual({
      start_date: localTime('2026-11-20T08:00').toISOString(),
      end_date: localTime('2026-11-20T14:30').toISOString(),
    })
    expect(daysIn(part)).toBeCloseTo(6.5 / 24)
  })
})

describe('a span as a period', () => {
  it.each<Period>(['today', '7d', '30d', '90d', 'month'])('%s is recognised', (preset) => {
    expect(periodOf(span(preset), TODAY)).toBe(preset)
  })

  it.each<Period>([
    days('2026-11-03', '2026-11-04'),
    days('2026-11-03T10:00', '2026-11-03T12:00'),
    days('2026-11-03T22:00', '2026-11-04T00:00'),
  ])('%o stays what it is', (period) => {
    expect(periodOf(span(period), TODAY)).toEqual(period)
  })
})

describe('a step', () => {
  it.each<[Period, Period | null]>([
    ['today', days('2026-11-19', '2026-11-19')],
    ['7d', days('2026-11-07', '2026-11-13')],
    ['month', days('2026-10-01', '2026-10-31')],
    [days('2026-03-01', '2026-03-31'), days('2026-02-01', '2026-02-28')],
    [days('2026-03-02', '2026-03-31'), days('2026-01-31', '2026-03-01')],
    [days('2026-11-20T08:00', '2026-11-20T14:00'), days('2026-11-20T02:00', '2026-11-20T08:00')],
    ['all', null],
  ])('back from %o is %o', (from, to) => {
    expect(stepped(from, -1, TODAY, null)).toEqual(to)
  })

  it.each<[Period, Period | null]>([
    [days('2026-11-19', '2026-11-19'), 'today'],
    [days('2026-11-07', '2026-11-13'), '7d'],
    [days('2026-09-01', '2026-09-30'), days('2026-10-01', '2026-10-31')],
    ['today', null],
    ['30d', null],
    ['all', null],
  ])('forward from %o is %o', (from, to) => {
    expect(stepped(from, 1, TODAY, null)).toEqual(to)
  })
})

describe('what a span is held against', () => {
  const noon = localTime('2026-11-20T12:00').getTime()

  it('is as many days before', () => {
    const before = spanBefore(span(days('2026-11-01', '2026-11-10')), noon)
    expect(before).toEqual({ start: localTime('2026-10-22'), end: localTime('2026-11-01') })
  })

  it('ends at the same time of day where the span still runs', () => {
    const before = spanBefore(span('today'), noon)
    expect(before).toEqual({
      start: localTime('2026-11-19'),
      end: localTime('2026-11-19T12:00'),
    })
    expect(spanBefore(span('7d'), noon).end).toEqual(localTime('2026-11-13T12:00'))
  })

  it('is as much time before where it is no whole days', () => {
    const before = spanBefore(span(days('2026-11-20T08:00', '2026-11-20T11:00')), noon)
    expect(before).toEqual({
      start: localTime('2026-11-20T05:00'),
      end: localTime('2026-11-20T08:00'),
    })
  })
})

it('takes only dates, or only times, in order', () => {
  expect(isCustom('2026-11-01', '2026-11-01')).toBe(true)
  expect(isCustom('2026-11-02', '2026-11-01')).toBe(false)
  expect(isCustom('2026-11-01', '2026-11-01T10:00')).toBe(false)
  expect(isCustom('', '')).toBe(false)
})

it('cuts a long span at its beginning', () => {
  expect(lastDays(span('30d'), 7)).toEqual(span('7d'))
  expect(lastDays(span('7d'), 30)).toEqual(span('7d'))
})
