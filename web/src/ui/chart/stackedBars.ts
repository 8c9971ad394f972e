import uPlot from 'uplot'
import { drawSeams } from './seams'

export interface BarSeries {
  label: string
  /** A custom property, so that a theme can change it. */
  color: string
  values: number[]
}

export interface BarChart {
  /** Start of every bucket, in seconds. */
  times: number[]
  bucketSeconds: number
  /** Bottom to top. */
  series: BarSeries[]
  /** Distances between marks of the time axis, in seconds. */
  tickEvery: number[]
  formatTime: (at: Date) => string
  formatValue: (value: number, step: number) => string
}

const HEADROOM = 1.06
const AXIS_FONT = "11px 'Inter Variable', system-ui, 'PingFang SC', 'Noto Sans CJK SC', sans-serif"
const LABEL_GAP = 8
/** Room for the left half of the first time below. */
const NARROWEST_AXIS_PX = 16
const WIDEST_BAR_PX = 56

/** uPlot stacks nothing by itself: cumulative sums, the largest drawn first, cover one another. */
export function stack(series: BarSeries[]): number[][] {
  let below: number[] = []
  const sums = series.map((one) => {
    below = one.values.map((value, at) => value + (below[at] ?? 0))
    return below
  })
  return sums.reverse()
}

export function columns(chart: BarChart): uPlot.AlignedData {
  return [chart.times, ...stack(chart.series)]
}

export function top(chart: BarChart): number {
  return Math.max(0, ...(stack(chart.series)[0] ?? []))
}

/** Steps of 1, 2 and 5: nobody reads an axis in quarters. */
export const STEPS = Array.from({ length: 22 }, (_, power) =>
  [1, 2, 5].map((digit) => digit * 10 ** (power - 9)),
).flat()

export function options(
  chart: () => BarChart,
  host: HTMLElement,
  onhover: (index: number | null) => void,
): uPlot.Options {
  const color = (name: string) => getComputedStyle(host).getPropertyValue(name).trim()
  const { series, tickEvery } = chart()
  const paper = color('--panel')
  const grid = { stroke: color('--line'), width: 1 }
  const axis = { stroke: color('--ink-3'), font: AXIS_FONT, ticks: { show: false } }
  return {
    width: host.clientWidth,
    height: host.clientHeight,
    padding: [8, 0, 0, 0],
    legend: { show: false },
    cursor: { x: false, y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: () => bounds(chart()) },
      y: { range: () => [0, top(chart()) * HEADROOM || 1] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        gap: LABEL_GAP,
        size: 28,
        space: 56,
        incrs: tickEvery,
        values: (plot, splits) => timeLabels(plot, chart(), splits),
      },
      {
        ...axis,
        grid,
        gap: LABEL_GAP,
        space: 40,
        incrs: STEPS,
        size: (plot, values) => labelWidth(plot, values),
        values: (_, splits, __, ___, step) => valueLabels(chart(), splits, step),
      },
    ],
    series: [{}, ...[...series].reverse().map((one) => barSeries(one, color))],
    hooks: {
      setCursor: [
        (plot) => {
          onhover(bucketUnder(plot))
        },
      ],
      draw: [
        (plot) => {
          drawSeams(plot, paper)
        },
      ],
    },
  }
}

function barSeries(series: BarSeries, color: (name: string) => string): uPlot.Series {
  return {
    label: series.label,
    fill: color(series.color),
    width: 0,
    points: { show: false },
    paths: (plot, at, from, to) => {
      const room = plot.bbox.width / devicePixelRatio / Math.max(plot.data[0].length, 1)
      const gap = gapBetween(room) * devicePixelRatio
      const draw = uPlot.paths.bars?.({ align: 1, size: [1, WIDEST_BAR_PX], gap })
      return draw?.(plot, at, from, to) ?? null
    },
  }
}

/** Hair-thin bars stand shoulder to shoulder, the others keep a pixel to an eighth apart. */
export function gapBetween(room: number): number {
  return room < 4 ? 0 : Math.max(1, Math.round(room / 8))
}

/** A bar begins at its time, so the bucket under the pointer is the last one already begun. */
function bucketUnder(plot: uPlot): number | null {
  const { left } = plot.cursor
  if (left === undefined || left < 0) return null
  const nearest = plot.posToIdx(left)
  const begun = (plot.data[0][nearest] ?? 0) <= plot.posToVal(left, 'x')
  return begun ? nearest : Math.max(0, nearest - 1)
}

/** A mark too near to the end would be cut off: at the very end there is no bar to its right anyway. */
function timeLabels(plot: uPlot, chart: BarChart, splits: number[]): (string | null)[] {
  const [start, end] = bounds(chart)
  plot.ctx.font = AXIS_FONT
  return splits.map((at) => {
    const label = chart.formatTime(new Date(at * 1000))
    const room = ((end - at) / (end - start)) * plot.width
    return at >= end || plot.ctx.measureText(label).width / 2 > room ? null : label
  })
}

/** A scale without a single value would be invented. */
function valueLabels(chart: BarChart, splits: number[], step: number): (string | null)[] {
  return splits.map((value) => (top(chart) === 0 ? null : chart.formatValue(value, step)))
}

function bounds({ times, bucketSeconds }: BarChart): [number, number] {
  return [times[0] ?? 0, (times.at(-1) ?? 0) + bucketSeconds]
}

function labelWidth(plot: uPlot, values: (string | null)[] | null): number {
  plot.ctx.font = AXIS_FONT
  const widths = (values ?? []).map((label) => plot.ctx.measureText(label ?? '').width)
  return Math.ceil(Math.max(NARROWEST_AXIS_PX, ...widths)) + LABEL_GAP
}
