import type { Overview } from '$lib/api/types'
import { exactMoney, money } from '$lib/format/money'
import { compact, exact } from '$lib/format/numbers'
import { hourMinute, monthDay, span } from '$lib/format/time'
import { locale, t } from '$lib/i18n/i18n.svelte'
import type { BarChart } from '$ui/chart/stackedBars'
import { axisDollars, axisTokens } from './axis'
import { bucketMs, byDay, plotColumns, readings, shownKinds, type Measure } from './series'

const HOUR = 3600
const LONG_RANGE_BUCKETS = 100
const TICKS_OF_A_DAY = [1, 2, 3, 4, 6, 12, 24].map((hours) => hours * HOUR)
const TICKS_OF_A_WEEK = [1, 2, 7].map((days) => days * 24 * HOUR)

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
  readonly table = $derived(this.long ? byDay(this.rows) : this.rows)
  readonly empty = $derived(this.rows.every((row) => row.total === 0n))

  readonly chart: BarChart = $derived.by(() => {
    const values = plotColumns(this.rows, this.kinds.length, this.measure)
    return {
      times: this.rows.map((row) => row.start.getTime() / 1000),
      bucketSeconds: this.bucket / 1000,
      series: this.kinds.map((kind, at) => ({
        label: kind.kind,
        color: kind.color,
        values: values[at] ?? [],
      })),
      tickEvery: this.long ? TICKS_OF_A_WEEK : TICKS_OF_A_DAY,
      formatTime: (at) => this.#tick(at),
      formatValue: (value, step) =>
        this.measure === 'cost' ? axisDollars(value, step) : axisTokens(value, locale()),
    }
  })

  amount(value: bigint): string {
    if (this.measure === 'cost') return money(value)
    return compact(Number(value), locale())
  }

  exactAmount(value: bigint): string {
    if (this.measure === 'cost') return value === 0n ? '–' : exactMoney(value)
    return exact(Number(value), locale())
  }

  when(index: number): string {
    const row = this.rows[index]
    return row ? span(row.start, this.bucket) : ''
  }

  rowLabel(start: Date): string {
    return this.long ? monthDay(start, locale()) : span(start, this.bucket)
  }

  describe = (index: number): string => {
    const row = this.rows[index]
    return row ? `${this.when(index)}: ${t('kind.total')} ${this.amount(row.total)}` : ''
  }

  #tick(at: Date): string {
    const midnight = at.getHours() === 0 && at.getMinutes() === 0
    return midnight || this.long ? monthDay(at, locale()) : hourMinute(at)
  }
}
