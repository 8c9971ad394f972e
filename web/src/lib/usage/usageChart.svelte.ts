import type { Grouped, Split } from '$lib/api/types'
import { dollarsForPlot } from '$lib/format/money'
import { hourMinute, monthDay, monthYear, weekdayDate } from '$lib/format/time'
import { locale, t } from '$lib/i18n/i18n.svelte'
import { axisDollars, axisTokens, clockLabel, TIME_MARKS, WEEK_MARKS } from '$lib/stats/axis'
import { KINDS } from '$lib/stats/kinds'
import type { BarChart } from '$ui/chart/stackedBars'
import { exactAmount, shortAmount } from './amounts'
import { bucketStarts, dayBefore } from './buckets'
import { ghost, layers, OTHERS, sums, WHOLE, type Layer } from './layers'
import { view } from './view.svelte'

/** Turns an answer of the ledger into what the chart, its tooltip and its table show. */
export class UsageChart {
  readonly #answer: () => Grouped<Split>

  constructor(answer: () => Grouped<Split>) {
    this.#answer = answer
  }

  readonly starts = $derived(bucketStarts(view.span, view.grain))
  readonly layers = $derived.by(() =>
    layers(this.#answer().rows, this.starts, view.metric, view.stack),
  )
  readonly totals = $derived(sums(this.layers, this.starts.length))
  readonly before = $derived.by(() =>
    view.compare ? ghost(this.#answer().rows, this.starts, view.metric) : [],
  )
  readonly empty = $derived(
    this.totals.every((total) => total === 0n) && this.before.every((total) => total === 0n),
  )
  readonly names = $derived(
    this.layers.map((layer) => ({ label: this.#name(layer), color: layer.color })),
  )

  /** Read from the top of a bar down; models by rank. */
  readonly legend = $derived(view.stack === 'model' ? [...this.names].reverse() : this.names)

  readonly chart: BarChart = $derived.by(() => {
    const toPlot = view.metric === 'cost' ? dollarsForPlot : Number
    return {
      starts: this.starts,
      series: this.layers.map((layer) => ({
        label: layer.id,
        color: layer.color,
        values: layer.values.map(toPlot),
      })),
      ghost: this.before.map(toPlot),
      marks: view.grain === 'week' ? WEEK_MARKS : TIME_MARKS,
      named: view.grain !== 'hour',
      formatTime: (at) => this.#mark(at),
      formatValue: (value, step) =>
        view.metric === 'cost' ? axisDollars(value, step) : axisTokens(value, locale()),
    }
  })

  readonly table = $derived.by(() => ({
    heads: [
      t('chart.time'),
      ...this.names.map(({ label }) => label),
      t('kind.total'),
      ...(view.compare ? [t('usage.previous')] : []),
    ],
    rows: this.starts.map((_, at) => ({
      label: this.when(at),
      cells: [
        ...this.layers.map((layer) => layer.values[at] ?? 0n),
        this.totals[at] ?? 0n,
        ...(view.compare ? [this.before[at] ?? 0n] : []),
      ].map((value) => exactAmount(value, view.metric, locale())),
    })),
  }))

  tip = (index: number) => ({
    when: this.when(index),
    lines: this.names.map((item, at) => ({
      ...item,
      text: this.#short(this.layers[at]?.values[index]),
    })),
    sum: { label: t('kind.total'), text: this.#short(this.totals[index]) },
  })

  previously(index: number): string {
    return this.#short(this.before[index])
  }

  describe = (index: number): string =>
    `${this.when(index)}: ${t('kind.total')} ${this.#short(this.totals[index])}`

  zoom = (first: number, last: number): void => {
    const start = this.starts[first]
    const end = this.starts[last + 1] ?? view.span.end
    if (start && last - first + 1 < this.starts.length) view.zoom({ start, end })
  }

  /** The stretch a bar stands for. */
  when(index: number): string {
    const start = this.starts[index]
    if (!start) return ''
    const end = this.starts[index + 1] ?? view.span.end
    switch (view.grain) {
      case 'hour':
        return `${weekdayDate(start, locale())} ${hourMinute(start)} – ${hourMinute(end)}`
      case 'day':
        return weekdayDate(start, locale())
      case 'week':
        return `${monthDay(start, locale())} – ${monthDay(dayBefore(end), locale())}`
      case 'month':
        return monthYear(start, locale())
    }
  }

  #mark(at: Date): string {
    if (view.grain === 'month') return monthYear(at, locale())
    return view.grain === 'hour' ? clockLabel(at, locale()) : monthDay(at, locale())
  }

  #short(value: bigint | undefined): string {
    return shortAmount(value ?? 0n, view.metric, locale())
  }

  #name({ id }: Layer): string {
    if (id === OTHERS) return t('usage.others')
    if (id === WHOLE) return t('column.calls')
    const kind = KINDS.find((each) => each.kind === id)
    return kind && view.stack === 'kind' ? t(kind.label) : id || t('usage.unknown')
  }
}
