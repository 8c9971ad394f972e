import type { Locale } from '$lib/i18n/locale'
import { units } from './units.svelte'

const EXACT_BELOW = 10_000
const SMALLEST_SHARE = 0.001

/** Counts are exact up to four digits, then three significant digits: "1,284", "48.2M", "4820万". */
export function compact(value: number, locale: Locale): string {
  return value < EXACT_BELOW
    ? exact(value, locale)
    : compactFormat(compactTag(locale)).format(value)
}

export function exact(value: number, locale: Locale): string {
  return exactFormat(locale).format(value)
}

/** A share of one as percent with three significant digits at most: "91.3%". */
export function percent(share: number, locale: Locale): string {
  return percentFormat(locale).format(share)
}

/** A part of a whole: what is there is never called 0%. */
export function sharePercent(share: number, locale: Locale): string {
  if (share > 0 && share < SMALLEST_SHARE) return `<${percent(SMALLEST_SHARE, locale)}`
  return percent(share, locale)
}

/** A change is always signed; past tenfold a factor says more than a percentage. */
export function signedPercent(change: number, locale: Locale): string {
  if (change >= 1000) return `×${exact(Math.round(change / 100) + 1, locale)}`
  if (change === 0) return '±0%'
  return `${change > 0 ? '+' : '\u2212'}${exact(Math.abs(change), locale)}%`
}

export function bytes(value: number, locale: Locale): string {
  const step = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3))
  const scaled = value / 1000 ** step
  const digits = step === 0 || scaled >= 100 ? 0 : 1
  return `${fixedFormat(locale, digits).format(scaled)} ${BYTE_UNITS[step] ?? 'B'}`
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

const exactFormat = perLocale((locale) => new Intl.NumberFormat(locale))

const compactFormat = perTag(
  (tag) =>
    new Intl.NumberFormat(tag, {
      notation: 'compact',
      minimumSignificantDigits: 3,
      maximumSignificantDigits: 3,
      useGrouping: false,
    }),
)

const percentFormat = perLocale(
  (locale) => new Intl.NumberFormat(locale, { style: 'percent', maximumSignificantDigits: 3 }),
)

const oneDecimal = perLocale(
  (locale) => new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
)
const noDecimal = perLocale((locale) => new Intl.NumberFormat(locale, { maximumFractionDigits: 0 }))

function fixedFormat(locale: Locale, digits: number): Intl.NumberFormat {
  return digits === 0 ? noDecimal(locale) : oneDecimal(locale)
}

/** Whose short forms are meant: "48.2M" is English, "4820万" is Chinese; the reader may choose. */
export function compactTag(locale: Locale): string {
  return { auto: locale, western: 'en', chinese: 'zh-CN' }[units.choice]
}

export function perLocale<T>(make: (locale: Locale) => T): (locale: Locale) => T {
  return perTag(make as (tag: string) => T)
}

/** Making a formatter costs far more than using one. */
export function perTag<T>(make: (tag: string) => T): (tag: string) => T {
  const made = new Map<string, T>()
  return (tag) => {
    const known = made.get(tag)
    if (known !== undefined) return known
    const fresh = make(tag)
    made.set(tag, fresh)
    return fresh
  }
}
