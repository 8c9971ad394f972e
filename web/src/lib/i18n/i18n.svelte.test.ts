import { beforeEach, expect, it } from 'vitest'
import { exact } from '$lib/format/numbers'
import { chooseLocale, locale, t, tn, useLocale } from './i18n.svelte'

beforeEach(() => {
  localStorage.clear()
})

it('uses the plural form of the language', async () => {
  await useLocale('en')
  expect(tn('count.calls', 1)).toBe('1 call')
  expect(tn('count.calls', 52_713)).toBe('52.7K calls')
  expect(tn('count.calls', 52_713, exact)).toBe('52,713 calls')
})

it('switches, remembers and tells the page', async () => {
  await chooseLocale('zh-CN')
  expect(locale()).toBe('zh-CN')
  expect(t('page.overview')).toBe('总览')
  expect(document.documentElement.lang).toBe('zh-CN')
  expect(localStorage.getItem('ccledger.locale')).toBe('zh-CN')
})
