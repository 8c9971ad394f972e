export const LOCALES = ['en', 'zh-CN'] as const
export type Locale = (typeof LOCALES)[number]

const STORED = 'ccledger.locale'

export function isLocale(value: unknown): value is Locale {
  return LOCALES.some((locale) => locale === value)
}

/** What the reader chose, else what the browser asks for, else English. */
export function preferredLocale(
  stored: string | null = localStorage.getItem(STORED),
  wanted: readonly string[] = navigator.languages,
): Locale {
  if (isLocale(stored)) return stored
  const first = wanted.find((tag) => /^(en|zh)\b/i.test(tag))
  return first?.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en'
}

export function rememberLocale(locale: Locale): void {
  localStorage.setItem(STORED, locale)
}
