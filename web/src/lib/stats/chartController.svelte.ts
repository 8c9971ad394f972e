import type { Overview } from '$lib/api/types'
import { exactMoney, money } from '$lib/format/money'
import { compact, exact } from '$lib/format/numbers'
import { monthDay, span } from '$lib/format/time'
import { locale, t } from '$lib/i18n/i18n.svelte'
import type { Span } from '$lib/range/period'
import type { BarChart } from '$ui/chart/stackedBars'
import { axisDollars, axisTokens, clockLabel, TIME_MARKS } from './axis'
import {
  bucketMs,
  byDay,
  plotColumns,
  readings,
  shownKinds,
  stretchOf,
  type Measure,
} from './series'

const LONG_RANGE_BUCKETS = 100

/** Turns the ledger's series into what the chart, its tooltip and its table show. */
export class ChartController {
  measure = $state<Measure>('cost')
  readonly #series: () => Overview['series']

  constructor(series: () => Overview['series']) {
    this.#series = series
  }

  readonly points = $derived.by(() => this.#series().points)
  readonly kinds = $derived(shownKinds(this.points, this.measure))
  readonly rows = $derived(readings(this.points, this.kinds, this.measure))
  readonly bucket = $derived(bucketMs(this.points))
  readonly long = $derived(this.points.length > LONG_RANGE_BUCKETS)
  readonly legend = $derived(this.kinds.map(({ label, color }) => ({ label: t(label), color })))
  readonly empty = $derived(this.rows.every((row) => row.total === 0n))

  readonly chart: BarChart = $derived.by(() => {
    const values = plotColumns(this.rows, this.kinds.length, this.measure)
    return {
      starts: this.rows.map((row) => row.start),
      series: this.kinds.map((kind, at) => ({
        label: kind.kind,
        color: kind.color,
        values: values[at] ?? [],
      })),
      ghost: [],
      marks: TIME_MARKS,
      named: false,
      formatTime: (at) => clockLabel(at, locale()),
      formatValue: (value, step) =>
        this.measure === 'cost' ? axisDollars(value, step) : axisTokens(value, locale()),
    }
  })

  /** The chart in words: long ranges by day, because 168 rows are no table anybody reads. */
  readonly table = $derived.by(() => ({
    heads: [t('chart.time'), ...this.legend.map(({ label }) => label), t('kind.total')],
    rows: (this.long ? byDay(this.rows) : this.rows).map((row) => ({
      label: this.long ? monthDay(row.start, locale()) : span(row.start, this.bucket),
      cells: [...row.amounts, row.total].map((amount) => this.#exact(amount)),
    })),
  }))

  tip = (index: number) => {
    const row = this.rows[index]
    return {
      when: this.#when(index),
      lines: this.legend.map((item, at) => ({
        ...item,
        text: this.#short(row?.amounts[at] ?? 0n),
      })),
      sum: { label: t('kind.total'), text: this.#short(row?.total ?? 0n) },
    }
  }

  describe = (index: number): string => {
    const { when, sum } = this.tip(index)
    return when && `${when}: ${sum.label} ${sum.text}`
  }

  /** The time of some buckets, the first and the last one given. */
  stretch(first: number, last: number): Span | null {
    return stretchOf(this.rows, this.bucket, first, last)
  }

  #when(index: number): string {
    const row = this.rows[index]
    return row ? span(row.start, this.bucket) : ''
  }

  #short(value: bigint): string {
    return this.measure === 'cost' ? money(value) : compact(Number(value), locale())
  }

  #exact(value: bigint): string {
    if (this.measure === 'cost') return value === 0n ? '–' : exactMoney(value)
    return exact(Number(value), locale())
  }
}
