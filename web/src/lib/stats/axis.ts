import { compactTag, perTag } from '$lib/format/numbers'
import { hourMinute, monthDay } from '$lib/format/time'
import type { Locale } from '$lib/i18n/locale'

const onTheHour = (every: number) => (at: Date) =>
  at.getMinutes() === 0 && at.getHours() % every === 0
const midnight = onTheHour(24)
const everyDays = (every: number) => (at: Date) =>
  midnight(at) && Math.round(at.getTime() / 86_400_000) % every === 0
const monday = (at: Date) => midnight(at) && at.getDay() === 1
const firstOfMonth = (every: number) => (at: Date) =>
  midnight(at) && at.getDate() === 1 && at.getMonth() % every === 0

/** Where a time axis may be marked, from every hour to every year, by the clock on the wall. */
export const TIME_MARKS: readonly ((at: Date) => boolean)[] = [
  ...[1, 2, 3, 4, 6, 12].map(onTheHour),
  midnight,
  everyDays(2),
  monday,
  (at) => at.getDate() === 1 || at.getDate() === 15,
  ...[1, 3, 6, 12].map(firstOfMonth),
]

/** Weeks begin where they begin: every one, then fewer by their number. */
export const WEEK_MARKS: readonly ((at: Date) => boolean)[] = [1, 2, 4, 8, 13, 26].map(
  (every) => (at) => Math.round(at.getTime() / 604_800_000) % every === 0,
)

/** "14:00" within a day, "Nov 20" where one begins. */
export function clockLabel(at: Date, locale: Locale): string {
  return midnight(at) ? monthDay(at, locale) : hourMinute(at)
}

/** Marks of the money axis carry as many decimals as their distance needs: "$2", "$0.50". */
export function axisDollars(value: number, step: number): string {
  if (value === 0) return '0'
  const needed = step >= 1 ? 0 : Math.max(2, Math.ceil(-Math.log10(step)))
  return `$${value.toLocaleString('en', { minimumFractionDigits: needed, maximumFractionDigits: needed })}`
}

export function axisTokens(value: number, locale: Locale): string {
  return tokensFormat(compactTag(locale)).format(value)
}

const tokensFormat = perTag(
  (tag) => new Intl.NumberFormat(tag, { notation: 'compact', maximumSignificantDigits: 3 }),
)
