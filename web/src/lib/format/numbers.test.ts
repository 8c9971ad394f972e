import { afterEach, describe, expect, it } from 'vitest'
import { bytes, compact, percent, sharePercent, signedPercent } from './numbers'
import { units } from './units.svelte'

describe('compact', () => {
  it.each([
    [0, '0'],
    [1284, '1,284'],
    [9999, '9,999'],
    [78_000, '78.0K'],
    [48_213_377, '48.2M'],
    [1_960_000_000, '1.96B'],
  ])('%d reads %s in English', (value, text) => {
    expect(compact(value, 'en')).toBe(text)
  })

  it('counts in 万 and 亿 in Chinese', () => {
    expect(compact(48_213_377, 'zh-CN')).toBe('4820万')
    expect(compact(1_960_000_000, 'zh-CN')).toBe('19.6亿')
  })
})

describe('percentages', () => {
  it('keeps three digits', () => {
    expect(percent(0.91349, 'en')).toBe('91.3%')
  })

  it('never calls a part of a whole nothing', () => {
    expect(sharePercent(0.0000007, 'en')).toBe('<0.1%')
    expect(sharePercent(0, 'en')).toBe('0%')
  })

  it.each([
    [12, '+12%'],
    [-7, '−7%'],
    [0, '±0%'],
    [1300, '×14'],
  ])('a change of %d reads %s', (change, text) => {
    expect(signedPercent(change, 'en')).toBe(text)
  })
})

describe('bytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1500, '1.5 kB'],
    [512_000_000, '512 MB'],
    [1_200_000_000, '1.2 GB'],
  ])('%d reads %s', (value, text) => {
    expect(bytes(value, 'en')).toBe(text)
  })
})

describe('the units a reader chose', () => {
  afterEach(() => {
    units.choose('auto')
  })

  it.each([
    ['auto', '48.2M', '4820万'],
    ['western', '48.2M', '48.2M'],
    ['chinese', '4820万', '4820万'],
  ] as const)('%s', (choice, english, chinese) => {
    units.choose(choice)
    expect(compact(48_213_377, 'en')).toBe(english)
    expect(compact(48_213_377, 'zh-CN')).toBe(chinese)
  })
})
