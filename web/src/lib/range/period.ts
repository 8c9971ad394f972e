import { isoDay } from '$lib/format/time'

export const PRESETS = ['today', '7d', '30d', '90d', 'month', 'all'] as const
export type Preset = (typeof PRESETS)[number]

/** Chosen by hand: two dates, both included, or two local times as in "2026-11-20T14:30". */
export interface Custom {
  from: string
  to: string
}

export type Period = Preset | Custom

/** A stretch of time; the end is no longer part of it. */
export interface Span {
  start: Date
  end: Date
}

export const DEFAULT_PERIOD: Preset = '30d'

const MINUTE_MS = 60_000
const DAY_MS = 1440 * MINUTE_MS
const DATE = /^\d{4}-\d\d-\d\d$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/
const DAYS_BACK = { today: 0, '7d': 6, '30d': 29, '90d': 89 } as const

export function isPreset(period: Period): period is Preset {
  return typeof period === 'string'
}

/** What an address asks for; nonsense is the usual period. */
export function parsePeriod(text: string | null): Period {
  if (text === '24h') return 'today'
  const preset = PRESETS.find((each) => each === text)
  if (preset) return preset
  const [from = '', to = ''] = (text ?? '').split('..')
  return isCustom(from, to) ? { from, to } : DEFAULT_PERIOD
}

export function periodText(period: Period): string {
  return isPreset(period) ? period : `${period.from}..${period.to}`
}

/** Two dates in order, or two times of which the second is later. */
export function isCustom(from: string, to: string): boolean {
  if (DATE.test(from) && DATE.test(to)) return isReal(from) && isReal(to) && from <= to
  if (TIME.test(from) && TIME.test(to)) return isReal(from) && isReal(to) && from < to
  return false
}

/** The stretch a period means to somebody whose day is `today`; `firstDay` is the ledger's oldest. */
export function spanOf(period: Period, today: string, firstDay: string | null): Span {
  const tomorrow = localTime(addDays(today, 1))
  if (!isPreset(period)) return customSpan(period)
  if (period === 'month') return { start: localTime(`${today.slice(0, 8)}01`), end: tomorrow }
  if (period === 'all')
    return { start: localTime(earlier(firstDay ?? today, today)), end: tomorrow }
  return { start: localTime(addDays(today, -DAYS_BACK[period])), end: tomorrow }
}

/** A stretch as a period: the preset that means the same today, else its dates or times. */
export function periodOf(span: Span, today: string): Period {
  const same = PRESETS.find(
    (preset) => preset !== 'all' && equal(spanOf(preset, today, null), span),
  )
  if (same) return same
  if (isMidnight(span.start) && isMidnight(span.end)) {
    return { from: isoDay(span.start), to: addDays(isoDay(span.end), -1) }
  }
  return { from: minuteText(span.start), to: minuteText(span.end) }
}

/** The neighbour of equal length, or null where there is none: beyond today, or beside all time. */
export function stepped(
  period: Period,
  by: 1 | -1,
  today: string,
  firstDay: string | null,
): Period | null {
  if (period === 'all') return null
  const span = spanOf(period, today, firstDay)
  const next = wholeMonth(period, span) ? monthBeside(span, by) : shifted(span, by)
  if (next.start >= localTime(addDays(today, 1))) return null
  return periodOf(next, today)
}

/**
 * What a span is held against: as many days earlier by the calendar, or as much time; of a running span only what
 * went by until the clock showed what it shows now.
 */
export function spanBefore(span: Span, nowMs: number): Span {
  const now = new Date(nowMs)
  const days = daysIn(span)
  const until = now < span.end && now > span.start ? now : span.end
  if (!Number.isInteger(days)) {
    const length = span.end.getTime() - span.start.getTime()
    const move = (at: Date) => new Date(at.getTime() - length)
    return { start: move(span.start), end: move(until) }
  }
  const move = (at: Date) => {
    const earlier = new Date(at)
    earlier.setDate(earlier.getDate() - days)
    return earlier
  }
  return { start: move(span.start), end: move(until) }
}

/** As the API takes it: dates where it is made of whole days, else moments. */
export function rangeParams(span: Span): { start_date: string; end_date: string } {
  if (isMidnight(span.start) && isMidnight(span.end)) {
    return { start_date: isoDay(span.start), end_date: addDays(isoDay(span.end), -1) }
  }
  return { start_date: span.start.toISOString(), end_date: span.end.toISOString() }
}

/** The end of a span, at most so many days of it. */
export function lastDays(span: Span, days: number): Span {
  const earliest = new Date(span.end)
  earliest.setDate(earliest.getDate() - days)
  return span.start < earliest ? { start: earliest, end: span.end } : span
}

/** How many days it is long, a part of one counted as a part. */
export function daysIn(span: Span): number {
  const days = (span.end.getTime() - span.start.getTime()) / DAY_MS
  return isMidnight(span.start) && isMidnight(span.end) ? Math.round(days) : days
}

export function addDays(day: string, days: number): string {
  const at = localTime(day)
  return isoDay(new Date(at.getFullYear(), at.getMonth(), at.getDate() + days))
}

/** A date is its midnight; a time is meant as the clock on the wall shows it. */
export function localTime(text: string): Date {
  return new Date(text.includes('T') ? text : `${text}T00:00`)
}

function customSpan({ from, to }: Custom): Span {
  return { start: localTime(from), end: localTime(to.includes('T') ? to : addDays(to, 1)) }
}

function wholeMonth(period: Period, span: Span): boolean {
  const lastDay = new Date(span.end.getTime() - MINUTE_MS)
  const oneMonth =
    span.start.getMonth() === lastDay.getMonth() &&
    span.start.getFullYear() === lastDay.getFullYear()
  const ends = period === 'month' || (isMidnight(span.end) && span.end.getDate() === 1)
  return isMidnight(span.start) && span.start.getDate() === 1 && oneMonth && ends
}

function monthBeside({ start }: Span, by: number): Span {
  const month = (offset: number) => new Date(start.getFullYear(), start.getMonth() + offset, 1)
  return { start: month(by), end: month(by + 1) }
}

function shifted(span: Span, by: number): Span {
  const days = daysIn(span)
  if (Number.isInteger(days)) {
    const move = (at: Date) => localTime(addDays(isoDay(at), by * days))
    return { start: move(span.start), end: move(span.end) }
  }
  const length = span.end.getTime() - span.start.getTime()
  const move = (at: Date) => new Date(at.getTime() + by * length)
  return { start: move(span.start), end: move(span.end) }
}

function equal(a: Span, b: Span): boolean {
  return a.start.getTime() === b.start.getTime() && a.end.getTime() === b.end.getTime()
}

function isMidnight(at: Date): boolean {
  return at.getHours() === 0 && at.getMinutes() === 0
}

function isReal(text: string): boolean {
  const at = localTime(text)
  return !Number.isNaN(at.getTime()) && isoDay(at) === text.slice(0, 10)
}

function earlier(a: string, b: string): string {
  return a < b ? a : b
}

function minuteText(at: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${isoDay(at)}T${two(at.getHours())}:${two(at.getMinutes())}`
}
