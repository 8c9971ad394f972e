import { describe, expect, it } from 'vitest'
import { columns, gapBetween, stack, top, STEPS, type BarChart } from './stackedBars'

const series = [
  { label: 'low', color: '--a', values: [1, 2] },
  { label: 'high', color: '--b', values: [10, 0] },
]
const chart: BarChart = {
  times: [0, 3600],
  bucketSeconds: 3600,
  series,
  tickEvery: [3600],
  formatTime: String,
  formatValue: String,
}

describe('stacking', () => {
  it('draws the whole first, then what lies below it', () => {
    expect(stack(series)).toEqual([
      [11, 2],
      [1, 2],
    ])
    expect(columns(chart)).toEqual([
      [0, 3600],
      [11, 2],
      [1, 2],
    ])
  })

  it('knows the highest bar', () => {
    expect(top(chart)).toBe(11)
    expect(top({ ...chart, series: [] })).toBe(0)
  })
})

it('counts in ones, twos and fives', () => {
  expect(STEPS).toContain(0.5)
  expect(STEPS).toContain(2000)
  expect(STEPS).not.toContain(2.5)
})

it('gives bars room only when there is some', () => {
  expect([2, 6, 40].map(gapBetween)).toEqual([0, 1, 5])
})
