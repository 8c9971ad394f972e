import { describe, expect, it } from 'vitest'
import { columns, gapBetween, marked, stack, top, STEPS, type BarChart } from './stackedBars'

const series = [
  { label: 'low', color: '--a', values: [1, 2] },
  { label: 'high', color: '--b', values: [10, 0] },
]
const chart: BarChart = {
  starts: [new Date(0), new Date(3_600_000)],
  series,
  ghost: [],
  marks: [],
  named: false,
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
      [0, 1],
      [11, 2],
      [1, 2],
    ])
  })

  it('knows the highest bar', () => {
    expect(top(chart)).toBe(11)
    expect(top({ ...chart, series: [] })).toBe(0)
    expect(top({ ...chart, ghost: [1, 12] })).toBe(12)
  })
})

it('counts in ones, twos and fives', () => {
  expect(STEPS).toContain(0.5)
  expect(STEPS).toContain(2000)
  expect(STEPS).not.toContain(2.5)
})

it('gives bars room only when there is some', () => {
  expect([2, 6, 40, 400].map(gapBetween)).toEqual([0, 1, 5, 12])
})

describe('marks of the time axis', () => {
  const starts = Array.from({ length: 6 }, (_, at) => new Date(at))
  const every = (step: number) => (at: Date) => at.getTime() % step === 0
  const marks = [every(1), every(2), every(3)]

  it('are as many as there is room for', () => {
    expect(marked({ ...chart, starts, marks }, 6)).toEqual([0, 1, 2, 3, 4, 5])
    expect(marked({ ...chart, starts, marks }, 5)).toEqual([0, 2, 4])
    expect(marked({ ...chart, starts, marks }, 2)).toEqual([0, 3])
  })

  it('stand in the middle of what they name', () => {
    expect(marked({ ...chart, starts, marks, named: true }, 2)).toEqual([0.5, 3.5])
  })

  it('are at least those of the last rule', () => {
    expect(marked({ ...chart, starts, marks }, 1)).toEqual([0, 3])
    expect(marked(chart, 9)).toEqual([])
  })
})
