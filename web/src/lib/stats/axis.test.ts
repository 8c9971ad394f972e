import { expect, it } from 'vitest'
import { axisDollars, axisTokens } from './axis'

it.each([
  [0, 2, '0'],
  [4, 2, '$4'],
  [1.5, 0.5, '$1.50'],
  [0.004, 0.002, '$0.004'],
  [12_000, 2000, '$12,000'],
])('%d in steps of %d reads %s', (value, step, text) => {
  expect(axisDollars(value, step)).toBe(text)
})

it('shortens Tokens by language', () => {
  expect(axisTokens(20_000_000, 'en')).toBe('20M')
  expect(axisTokens(20_000_000, 'zh-CN')).toBe('2000万')
})
