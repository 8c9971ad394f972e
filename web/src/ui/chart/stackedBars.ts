import uPlot from 'uplot'
import { drawGhost } from './ghost'
import { drawSeams } from './seams'

export interface BarSeries {
  label: string
  /** A custom property, so that a theme can change it. */
  color: string
  values: number[]
}

export interface BarChart {
  /** Start of every bucket. Bars stand side by side whatever their length: months and clock changes differ. */
  starts: Date[]
  /** Bottom to top. */
  series: BarSeries[]
  /** What there was before, to be held against the bars: a dashed line; empty for none. */
  ghost: number[]
  /** Which buckets may carry a mark, from the most marks to the fewest; the first rule that has room holds. */
  marks: readonly ((at: Date) => boolean)[]
  /** Whether a mark names its bucket, as a date does, and not the moment it begins, as a time does. */
  named: boolean
  formatTime: (at: Date) => string
  formatValue: (value: number, step: number) => string
}

const HEADROOM = 1.06
const AXIS_FONT = "11px 'Inter Variable', system-ui, 'PingFang SC', 'Noto Sans CJK SC', sans-serif"
const LABEL_GAP = 8
/** Room for the left half of the first time below. */
const NARROWEST_AXIS_PX = 16
const WIDEST_BAR_PX = 168
const WIDEST_GAP_PX = 12
/** What a mark of the time axis needs, its distance to the next one included. */
const MARK_ROOM_PX = 60
const LEAST_DRAG_PX = 5

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
  return [chart.starts.map((_, at) => at), ...stack(chart.series)]
}

export function top(chart: BarChart): number {
  return Math.max(0, ...(stack(chart.series)[0] ?? []), ...chart.ghost)
}

/** Where the axis is marked when so many marks find room. */
export function marked({ starts, marks, named }: BarChart, room: number): number[] {
  const choices = marks.map((rule) => starts.flatMap((at, index) => (rule(at) ? [index] : [])))
  const chosen = choices.find((each) => each.length > 0 && each.length <= room) ?? choices.at(-1)
  return (chosen ?? []).map((index) => (named ? index + 0.5 : index))
}

/** Steps of 1, 2 and 5: nobody reads an axis in quarters. */
export const STEPS = Array.from({ length: 22 }, (_, power) =>
  [1, 2, 5].map((digit) => digit * 10 ** (power - 9)),
).flat()

export function options(
  chart: () => BarChart,
  host: HTMLElement,
  on: {
    hover: (index: number | null) => void
    zoom?: ((first: number, last: number) => void) | undefined
  },
): uPlot.Options {
  const color = (name: string) => getComputedStyle(host).getPropertyValue(name).trim()
  const { series } = chart()
  const paper = color('--panel')
  const line = color('--ink')
  const grid = { stroke: color('--line'), width: 1 }
  const axis = { stroke: color('--ink-3'), font: AXIS_FONT, ticks: { show: false } }
  return {
    width: host.clientWidth,
    height: host.clientHeight,
    padding: [8, 0, 0, 0],
    legend: { show: false },
    cursor: {
      x: false,
      y: false,
      points: { show: false },
      drag: { x: on.zoom !== undefined, y: false, setScale: false, dist: LEAST_DRAG_PX },
    },
    scales: {
      x: { time: false, range: () => [0, chart().starts.length] },
      y: { range: () => [0, top(chart()) * HEADROOM || 1] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        gap: LABEL_GAP,
        size: 28,
        splits: (plot) =>
          marked(chart(), Math.floor(plot.bbox.width / devicePixelRatio / MARK_ROOM_PX)),
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
          on.hover(bucketUnder(plot))
        },
      ],
      setSelect: [
        (plot) => {
          zoomTo(plot, on.zoom)
        },
      ],
      draw: [
        (plot) => {
          drawSeams(plot, paper)
          drawGhost(plot, chart().ghost, line)
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
  return room < 4 ? 0 : Math.min(WIDEST_GAP_PX, Math.max(1, Math.round(room / 8)))
}

function bucketUnder(plot: uPlot): number | null {
  const { left } = plot.cursor
  if (left === undefined || left < 0) return null
  return bucketAt(plot, left)
}

function bucketAt(plot: uPlot, left: number): number {
  const last = plot.data[0].length - 1
  return Math.min(last, Math.max(0, Math.floor(plot.posToVal(left, 'x'))))
}

/** Whole buckets are chosen, however carelessly they were dragged over. */
function zoomTo(plot: uPlot, zoom?: (first: number, last: number) => void): void {
  const { left, width } = plot.select
  if (width <= 0) return
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
  zoom?.(bucketAt(plot, left), bucketAt(plot, left + width - 1))
}

/** A mark too near to the end would be cut off: at the very end there is no bar to its right anyway. */
function timeLabels(plot: uPlot, chart: BarChart, splits: number[]): (string | null)[] {
  const buckets = chart.starts.length
  plot.ctx.font = AXIS_FONT
  return splits.map((index) => {
    const label = chart.formatTime(chart.starts[Math.floor(index)] ?? new Date(0))
    const room = ((buckets - index) / buckets) * (plot.bbox.width / devicePixelRatio)
    return plot.ctx.measureText(label).width / devicePixelRatio / 2 > room ? null : label
  })
}

/** A scale without a single value would be invented. */
function valueLabels(chart: BarChart, splits: number[], step: number): (string | null)[] {
  return splits.map((value) => (top(chart) === 0 ? null : chart.formatValue(value, step)))
}

function labelWidth(plot: uPlot, values: (string | null)[] | null): number {
  plot.ctx.font = AXIS_FONT
  const widths = (values ?? []).map((label) => plot.ctx.measureText(label ?? '').width)
  return Math.ceil(Math.max(NARROWEST_AXIS_PX, ...widths)) + LABEL_GAP
}
