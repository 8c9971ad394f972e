import { perLocale } from '$lib/format/numbers'
import type { Locale } from '$lib/i18n/locale'

/** Marks of the money axis carry as many decimals as their distance needs: "$2", "$0.50". */
export function axisDollars(value: number, step: number): string {
  if (value === 0) return '0'
  const needed = step >= 1 ? 0 : Math.max(2, Math.ceil(-Math.log10(step)))
  return `$${value.toLocaleString('en', { minimumFractionDigits: needed, maximumFractionDigits: needed })}`
}

export function axisTokens(value: number, locale: Locale): string {
  return tokensFormat(locale).format(value)
}

const tokensFormat = perLocale(
  (locale) => new Intl.NumberFormat(locale, { notation: 'compact', maximumSignificantDigits: 3 }),
)
