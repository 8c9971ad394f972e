import { describe, expect, it } from 'vitest'
import { en } from './en'
import { preferredLocale } from './locale'
import { fill } from './messages'
import { zhCN } from './zh-CN'

const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort()

describe('languages', () => {
  it('have the same keys in the same order', () => {
    expect(Object.keys(zhCN)).toEqual(Object.keys(en))
  })

  it.each(Object.keys(en) as (keyof typeof en)[])('%s takes the same values', (key) => {
    expect(placeholders(zhCN[key])).toEqual(placeholders(en[key]))
  })

  it('leave Token untranslated', () => {
    expect(Object.values(zhCN).join()).not.toContain('令牌')
  })
})

describe('fill', () => {
  it('puts values in', () => {
    expect(fill('{done} of {total}', { done: 1, total: 'all' })).toBe('1 of all')
  })

  it('leaves unknown names to be seen', () => {
    expect(fill('{who}')).toBe('{who}')
  })
})

describe('the preferred language', () => {
  it.each([
    ['zh-CN', ['en'], 'zh-CN'],
    [null, ['zh-TW', 'en'], 'zh-CN'],
    [null, ['de', 'en-GB', 'zh'], 'en'],
    [null, ['fr'], 'en'],
    ['klingon', ['zh'], 'zh-CN'],
  ])('stored %s, browser %s: %s', (stored, wanted, locale) => {
    expect(preferredLocale(stored, wanted)).toBe(locale)
  })
})
