import { expect, it } from 'vitest'
import { backoff } from './backoff'

it('doubles from one second to thirty', () => {
  const longest = [0, 1, 2, 3, 4, 5, 50].map((attempt) => backoff(attempt, () => 1))
  expect(longest).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
})

it('spreads over the upper half, never below a second', () => {
  expect(backoff(0, () => 0)).toBe(1000)
  expect(backoff(5, () => 0)).toBe(15_000)
})
