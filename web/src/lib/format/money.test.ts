import { describe, expect, it } from 'vitest'
import { exactMoney, money, parseNano, percentChange, signedMoney, sumNano } from './money'

describe('money', () => {
  it.each([
    [0n, '–'],
    [41_870_000_000n, '$41.87'],
    [1_234_567_890_000_000n, '$1,234,567.89'],
    [1_000_000_000n, '$1.00'],
    [999_600_000n, '$1.00'],
    [999_499_999n, '$0.999'],
    [94_000_000n, '$0.094'],
    [10_000_000n, '$0.010'],
    [9_960_000n, '$0.010'],
    [9_940_000n, '$0.0099'],
    [4_200_000n, '$0.0042'],
    [999_600n, '$0.0010'],
    [42n, '$0.000000042'],
    [1n, '$0.000000001'],
    [-10_510_000_000n, '−$10.51'],
  ])('%d nano reads %s', (nano, text) => {
    expect(money(nano)).toBe(text)
  })

  it('never rounds something to nothing', () => {
    for (let nano = 1n; nano < 10n ** 12n; nano *= 7n) {
      expect(money(nano)).toMatch(/[1-9]/)
    }
  })

  it('signs a change', () => {
    expect(signedMoney(4_200_000_000n)).toBe('+$4.20')
    expect(signedMoney(-4_200_000_000n)).toBe('−$4.20')
    expect(signedMoney(0n)).toBe('–')
  })

  it('keeps every digit where the exact amount is asked for', () => {
    expect(exactMoney(41_870_000_001n)).toBe('$41.870000001')
    expect(exactMoney(41_800_000_000n)).toBe('$41.80')
  })
})

describe('sums and changes', () => {
  it('adds beyond what floats can hold', () => {
    expect(sumNano(['9007199254740993', '1', null, undefined])).toBe(9_007_199_254_740_994n)
  })

  it('keeps unpriced apart from zero', () => {
    expect(parseNano(null)).toBeNull()
    expect(parseNano('0')).toBe(0n)
  })

  it.each([
    [112n, 100n, 12],
    [88n, 100n, -12],
    [1005n, 1000n, 1],
    [0n, 100n, -100],
    [5n, 0n, null],
  ])('%d against %d is %s percent', (now, base, percent) => {
    expect(percentChange(now, base)).toBe(percent)
  })
})
