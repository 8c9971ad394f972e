import { expect, it } from 'vitest'
import { localTime } from '$lib/range/period'
import { totals } from '../../testing/ledger'
import { heat, heatStep } from './heat'

const hour = (at: string, calls: number) => ({
  ...totals({ calls }),
  start: localTime(at).toISOString(),
})

it('adds up by weekday and hour, Monday first', () => {
  const rows = [
    hour('2026-11-16T09:00', 1),
    hour('2026-11-09T09:00', 2),
    hour('2026-11-15T23:00', 4),
  ]
  const cells = heat(rows, 'calls')
  expect(cells).toHaveLength(7)
  expect(cells[0]?.[9]).toBe(3n)
  expect(cells[6]?.[23]).toBe(4n)
  expect(cells.flat().reduce((sum, value) => sum + value, 0n)).toBe(7n)
})

it('tells nothing from hardly anything, and knows the most', () => {
  expect([0n, 1n, 50n, 51n, 100n].map((value) => heatStep(value, 100n))).toEqual([0, 1, 3, 4, 6])
  expect(heatStep(0n, 0n)).toBe(0)
})
