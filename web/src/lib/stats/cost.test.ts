import { expect, it } from 'vitest'
import { readCost } from './cost'

it('reads a known cost', () => {
  expect(readCost({ total_cost_nano: '41870000000', complete: true })).toEqual({
    known: true,
    text: '$41.87',
    exact: '$41.87',
    lowerBound: false,
  })
})

it('marks a lower bound', () => {
  const cost = readCost({ total_cost_nano: '41870000000', complete: false })
  expect(cost).toMatchObject({ text: '≥\u00a0$41.87', lowerBound: true })
})

it('says "at least nothing" rather than a dash when some of it has no price', () => {
  expect(readCost({ total_cost_nano: '0', complete: false })).toMatchObject({ text: '≥\u00a0$0' })
})

it('never takes unpriced for free', () => {
  expect(readCost({ total_cost_nano: null, complete: false })).toEqual({ known: false })
})
