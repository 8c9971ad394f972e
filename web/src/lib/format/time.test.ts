import { describe, expect, it } from 'vitest'
import { ago, clock, duration, isoDay, monthDay, span, tickingDuration, timestamp } from './time'

const AT = new Date(2026, 10, 20, 7, 5, 9)

describe('durations', () => {
  it.each([
    [896, '896 ms'],
    [38_200, '38.2 s'],
    [59_990, '1m 00s'],
    [159_000, '2m 39s'],
    [3_840_000, '1h 04m'],
  ])('%d ms reads %s', (ms, text) => {
    expect(duration(ms)).toBe(text)
  })

  it('ticks in whole seconds', () => {
    expect(tickingDuration(7_400)).toBe('7 s')
    expect(tickingDuration(-5)).toBe('0 s')
    expect(tickingDuration(59_999)).toBe('59 s')
    expect(tickingDuration(61_000)).toBe('1m 01s')
  })
})

describe('moments', () => {
  it('writes day and time in the zone of the reader', () => {
    expect(timestamp(AT.toISOString())).toBe('11-20 07:05:09')
    expect(clock(AT)).toBe('07:05:09')
    expect(isoDay(AT)).toBe('2026-11-20')
  })

  it('names the day in the language', () => {
    expect(monthDay(AT, 'en')).toBe('Nov 20')
    expect(monthDay(AT, 'zh-CN')).toBe('11月20日')
  })

  it('spans a bucket', () => {
    expect(span(new Date(2026, 10, 20, 14), 3_600_000)).toBe('11-20 14:00 – 15:00')
  })
})

describe('ago', () => {
  const before = (ms: number) => ago(AT.toISOString(), AT.getTime() + ms, 'en')

  it('is relative under an hour', () => {
    expect(before(12_000)).toBe('12s ago')
    expect(before(42 * 60_000)).toBe('42m ago')
  })

  it('never points into the future', () => {
    expect(before(-3000)).toBe('0s ago')
  })

  it('gives the full time from an hour on', () => {
    expect(before(3_600_000)).toBe('11-20 07:05:09')
  })
})
