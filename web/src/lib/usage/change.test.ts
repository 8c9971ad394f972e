import { beforeAll, describe, expect, it } from 'vitest'
import type { Measured } from '$lib/api/types'
import { useLocale } from '$lib/i18n/i18n.svelte'
import { beforeByKey, changeText } from './change'

beforeAll(() => useLocale('en'))

const spent = (known: Partial<Measured>): Measured => ({
  calls: 1,
  total_tokens: 0,
  total_cost_nano: '0',
  complete: true,
  ...known,
})

describe('a change', () => {
  it.each([
    ['120', '100', '+20%'],
    ['50', '100', '−50%'],
    ['100', '100', '±0%'],
  ])('from %s to %s', (now, before, text) => {
    const change = changeText(
      spent({ total_cost_nano: now }),
      spent({ total_cost_nano: before }),
      'cost',
    )
    expect(change).toBe(text)
  })

  it('is new where there was nothing', () => {
    expect(changeText(spent({}), spent({ calls: 0 }), 'calls')).toBe('new')
    expect(changeText(spent({ calls: 0 }), spent({ calls: 0 }), 'calls')).toBe('')
  })

  it('is not made from lower bounds', () => {
    const [now, before] = [spent({ complete: false, calls: 2 }), spent({ total_cost_nano: '5' })]
    expect(changeText(now, before, 'cost')).toBe('')
    expect(changeText(now, before, 'calls')).toBe('+100%')
  })

  it('is not there where nothing is compared', () => {
    expect(changeText(spent({}), undefined, 'cost')).toBe('')
  })
})

describe('what a group was before', () => {
  const rows = [{ ...spent({ calls: 4 }), model: 'a' }]
  const answer = { timezone: 'UTC', rows, totals: spent({}) }

  it('is looked up by what names it', () => {
    expect(beforeByKey(answer)({ model: 'a' })?.calls).toBe(4)
    expect(beforeByKey(answer)({ model: 'b' })?.calls).toBe(0)
  })

  it('is not known where the list was cut off, or not there', () => {
    expect(beforeByKey({ ...answer, rest: spent({}) })({ model: 'b' })).toBeUndefined()
    expect(beforeByKey(undefined)({ model: 'a' })).toBeUndefined()
  })
})
