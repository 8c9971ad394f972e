import { compact } from '$lib/format/numbers'
import { preferredLocale, rememberLocale, type Locale } from './locale'
import { fill, type CountKey, type MessageKey, type Messages, type Values } from './messages'

const LOADERS: Record<Locale, () => Promise<Messages>> = {
  en: async () => (await import('./en')).en,
  'zh-CN': async () => (await import('./zh-CN')).zhCN,
}

let current = $state.raw<{ locale: Locale; messages: Messages } | null>(null)

/** Loads a language and switches to it; the old one stays on the screen until the new one is here. */
export async function useLocale(locale: Locale = preferredLocale()): Promise<void> {
  current = { locale, messages: await LOADERS[locale]() }
  document.documentElement.lang = locale
}

export async function chooseLocale(locale: Locale): Promise<void> {
  rememberLocale(locale)
  await useLocale(locale)
}

export function locale(): Locale {
  return current?.locale ?? 'en'
}

export function t(key: MessageKey, values?: Values): string {
  const template = current?.messages[key]
  return template === undefined ? key : fill(template, values)
}

/** A phrase with a number in it, in the plural form of the language. */
export function tn(stem: CountKey, n: number, format = compact): string {
  const form = new Intl.PluralRules(locale()).select(n) === 'one' ? 'one' : 'other'
  return t(`${stem}.${form}`, { n: format(n, locale()) })
}
