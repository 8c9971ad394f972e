import type { Locale } from '$lib/i18n/locale'
import { perLocale } from './numbers'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** "896 ms", "38.2 s", "2m 39s", "1h 04m". */
export function duration(ms: number): string {
  if (ms < SECOND) return `${String(Math.round(ms))} ms`
  if (ms < MINUTE - 50) return `${(ms / SECOND).toFixed(1)} s`
  if (ms < MINUTE) return '1m 00s'
  if (ms < HOUR) return `${whole(ms / MINUTE)}m ${padded((ms % MINUTE) / SECOND)}s`
  return `${whole(ms / HOUR)}h ${padded((ms % HOUR) / MINUTE)}m`
}

/** The same in whole seconds, for clocks that tick on the screen. */
export function tickingDuration(ms: number): string {
  if (ms < MINUTE) return `${whole(Math.max(0, ms) / SECOND)} s`
  return duration(ms)
}

/** "11-20 07:35:00", the same in every language, in the reader's zone. */
export function timestamp(iso: string): string {
  const at = new Date(iso)
  const day = `${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${clock(at)}`
}

/** "14:02:11" */
export function clock(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')
}

/** "11-20 14:00 – 15:00", the span a bar of the chart stands for. */
export function span(start: Date, lengthMs: number): string {
  const end = new Date(start.getTime() + lengthMs)
  const day = `${two(start.getMonth() + 1)}-${two(start.getDate())}`
  return `${day} ${hourMinute(start)} – ${hourMinute(end)}`
}

export function hourMinute(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}`
}

/** "Nov 20", "11月20日" */
export function monthDay(at: Date, locale: Locale): string {
  return monthDayFormat(locale).format(at)
}

/** "Fri, Nov 20", "11月20日周五" */
export function weekdayDate(at: Date, locale: Locale): string {
  return weekdayFormat(locale).format(at)
}

/** "Mon" for 0, "Sun" for 6. */
export function weekday(day: number, locale: Locale): string {
  return weekdayNameFormat(locale).format(new Date(2026, 5, 1 + day))
}

/** "Nov 2026", "2026年11月" */
export function monthYear(at: Date, locale: Locale): string {
  return monthYearFormat(locale).format(at)
}

/** "2026-11-20" in the reader's zone; also a key that groups moments by day. */
export function isoDay(at: Date): string {
  return `${String(at.getFullYear())}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}

/** "12 s ago" under an hour, the full time after that. */
export function ago(iso: string, now: number, locale: Locale): string {
  const past = now - Date.parse(iso)
  if (past >= HOUR) return timestamp(iso)
  if (past < MINUTE)
    return relative(locale).format(-Math.max(0, Math.floor(past / SECOND)), 'second')
  return relative(locale).format(-Math.floor(past / MINUTE), 'minute')
}

/** The IANA zone figures are cut by; the server answers in the same one. */
export function browserZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'
}

const relative = perLocale(
  (locale) => new Intl.RelativeTimeFormat(locale, { numeric: 'always', style: 'narrow' }),
)

const monthDayFormat = perLocale(
  (locale) => new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric' }),
)

const weekdayFormat = perLocale(
  (locale) => new Intl.DateTimeFormat(locale, { weekday: 'short', month: 'short', day: 'numeric' }),
)

const weekdayNameFormat = perLocale(
  (locale) => new Intl.DateTimeFormat(locale, { weekday: 'short' }),
)

const monthYearFormat = perLocale(
  (locale) => new Intl.DateTimeFormat(locale, { month: 'short', year: 'numeric' }),
)

function whole(value: number): string {
  return String(Math.floor(value))
}

function padded(value: number): string {
  return two(Math.floor(value))
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
