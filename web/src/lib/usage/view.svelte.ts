import { isoDay } from '$lib/format/time'
import { wallClock } from '$lib/live/clock.svelte'
import {
  DEFAULT_PERIOD,
  parsePeriod,
  periodOf,
  periodText,
  spanOf,
  stepped,
  type Period,
  type Span,
} from '$lib/range/period'
import { router } from '$lib/router/router.svelte'
import { filterText, parseFilter, toggled, type Filter } from './filters'
import { chooseGrain, grainsFor, type Grain } from './grains'

export const METRICS = ['cost', 'tokens', 'calls'] as const
export type Metric = (typeof METRICS)[number]
export const STACKS = ['kind', 'model'] as const
export type Stack = (typeof STACKS)[number]

/** What is looked at: period, comparison, filters. All of it lives in the address and nowhere else. */
class View {
  /** The ledger's oldest day, once it is known. */
  firstDay = $state<string | null>(null)
  readonly #params = $derived(new URLSearchParams(router.search))
  readonly today = $derived(isoDay(new Date(wallClock.now)))
  readonly period: Period = $derived(parsePeriod(this.#params.get('range')))
  readonly span: Span = $derived(spanOf(this.period, this.today, this.firstDay))
  readonly comparable = $derived(this.period !== 'all')
  readonly compare = $derived(this.comparable && this.#params.get('compare') !== '0')
  readonly grains = $derived(grainsFor(this.span))
  readonly grain: Grain = $derived(chooseGrain(this.span, this.#params.get('grain')))
  readonly metric: Metric = $derived(oneOf(METRICS, this.#params.get('metric')))
  readonly stack: Stack = $derived(oneOf(STACKS, this.#params.get('by')))
  readonly filters: Filter[] = $derived(
    this.#params
      .getAll('f')
      .map(parseFilter)
      .filter((each) => each !== null),
  )
  /** Where Esc leads back to after dragging over the chart. */
  #zoomedFrom: Period[] = []

  choosePeriod(period: Period): void {
    this.#zoomedFrom = []
    this.#setPeriod(period)
  }

  zoom(span: Span): void {
    this.#zoomedFrom.push(this.period)
    this.#setPeriod(periodOf(span, this.today))
  }

  /** Undoes the last zoom; false when there is none. */
  zoomOut(): boolean {
    const before = this.#zoomedFrom.pop()
    if (before) this.#setPeriod(before)
    return before !== undefined
  }

  neighbour(by: 1 | -1): Period | null {
    return stepped(this.period, by, this.today, this.firstDay)
  }

  step(by: 1 | -1): void {
    const next = this.neighbour(by)
    if (next) this.choosePeriod(next)
  }

  toggleCompare(): void {
    if (this.comparable) router.change((params) => set(params, 'compare', this.compare ? '0' : ''))
  }

  chooseGrain(grain: Grain): void {
    router.change((params) => set(params, 'grain', grain))
  }

  chooseMetric(metric: Metric): void {
    router.change((params) => set(params, 'metric', metric === METRICS[0] ? '' : metric))
  }

  chooseStack(stack: Stack): void {
    router.change((params) => set(params, 'by', stack === STACKS[0] ? '' : stack))
  }

  toggle(filter: Filter): void {
    this.#setFilters(toggled(this.filters, filter))
  }

  dropLastFilter(): void {
    this.#setFilters(this.filters.slice(0, -1))
  }

  clearFilters(): void {
    this.#setFilters([])
  }

  #setPeriod(period: Period): void {
    const text = periodText(period)
    router.change((params) => set(params, 'range', text === DEFAULT_PERIOD ? '' : text))
  }

  #setFilters(filters: readonly Filter[]): void {
    router.change((params) => {
      // Other pages filter by more than this one knows; that stays for them.
      const others = params.getAll('f').filter((text) => !parseFilter(text))
      params.delete('f')
      for (const text of [...filters.map(filterText), ...others]) params.append('f', text)
    })
  }
}

export const view = new View()

function oneOf<T extends string>(known: readonly [T, ...T[]], asked: string | null): T {
  return known.find((each) => each === asked) ?? known[0]
}

function set(params: URLSearchParams, name: string, value: string): void {
  if (value) params.set(name, value)
  else params.delete(name)
}
