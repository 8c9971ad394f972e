import { createQuery, keepPreviousData, type QueryClient } from '@tanstack/svelte-query'
import type { Api, CallScope, ExportFormat, Grouping, Scope } from '$lib/api/client'
import type {
  Counts,
  Estimate,
  Grouped,
  HistoryPage,
  Measured,
  Pricing,
  Split,
} from '$lib/api/types'
import { browserZone } from '$lib/format/time'
import { Refresher } from '$lib/live/refresher'
import { wallClock } from '$lib/live/clock.svelte'
import { lastDays, rangeParams, spanBefore } from '$lib/range/period'
import { orderBy } from './amounts'
import { filterText, type Field, type Filter } from './filters'
import { view } from './view.svelte'

const USAGE = 'usage'
const LIVE_GAP_MS = 2000
/** 26 weeks, so that every weekday counts as often. */
export const HEAT_DAYS = 182
const QUARTER_MS = 900_000
const SHOWN = 'calls,total_tokens,total_cost_nano,complete'
const DRAWN = [
  SHOWN,
  'input_tokens,output_tokens,cache_write_5m_tokens,cache_write_1h_tokens,cache_creation_tokens',
  'cache_read_tokens,input_cost_nano,output_cost_nano,cache_creation_cost_nano,cache_read_cost_nano',
  'web_search_cost_nano,cache_hit_rate',
].join()
/** As many as the API gives at once. */
const MOST_GROUPS = 1000

const FRAME_MS = 16
type Ask = <Sums>(question: Grouping, signal: AbortSignal) => Promise<Grouped<Sums>>

/** What differs between the pages that show usage. */
export interface UsagePlace {
  /** What is asked beside the page's filters: the one key that is looked at. */
  also: () => readonly Filter[]
  /** Opens the calls behind a sum. */
  showCalls: (extra: readonly Filter[]) => void
}

/** What pages that show usage ask. Made while a component is set up. */
export class UsageController {
  readonly #api: Api
  readonly #place: UsagePlace
  readonly #refresher: Refresher
  /** Settled once the chart's newest question is answered. */
  #charted: Promise<unknown> = Promise.resolve()
  readonly scope: Scope = $derived.by(() => ({
    ...rangeParams(view.span),
    timezone: browserZone(),
    filter: [...this.#place.also(), ...view.filters].map(filterText),
  }))
  /** By the quarter-hour, the running one whole: fine enough to be fair, and not a new question every second. */
  readonly #quarter = $derived(Math.ceil(wallClock.now / QUARTER_MS))
  readonly #scopeBefore: Scope = $derived({
    ...this.scope,
    ...rangeParams(spanBefore(view.span, this.#quarter * QUARTER_MS)),
  })
  readonly series
  readonly before
  readonly models
  readonly pricing
  readonly showCalls: UsagePlace['showCalls']

  constructor(client: QueryClient, api: Api, place: UsagePlace) {
    this.#api = api
    this.#place = place
    this.showCalls = place.showCalls
    this.series = this.#grouped<Split>(
      () => ({
        ...this.scope,
        ...(view.compare ? { compare: 'previous' } : {}),
        grain: view.grain,
        ...(view.stack === 'model' ? { group_by: 'model' } : {}),
        metrics: DRAWN,
        limit: MOST_GROUPS,
      }),
      { ask: this.#chart },
    )
    this.before = this.#grouped(() => ({ ...this.#scopeBefore, metrics: SHOWN }), {
      enabled: () => view.compare,
      ask: this.#now,
    })
    this.models = this.#grouped<Split>(() => ({
      ...this.scope,
      group_by: 'model',
      metrics: DRAWN,
      limit: MOST_GROUPS,
    }))
    this.pricing = createQuery<Pricing>(() => ({
      queryKey: ['pricing'],
      queryFn: ({ signal }: { signal: AbortSignal }) => api.pricing(signal),
    }))
    this.#refresher = new Refresher(
      () => client.invalidateQueries({ queryKey: [USAGE] }),
      () => LIVE_GAP_MS,
    )
  }

  /** The groups of one field, the largest first, and what there was before. */
  breakdown(field: () => Field, limit: () => number) {
    const groups = () => ({
      // A session's own id says little; its project more.
      group_by: field() === 'session' ? 'session,project' : field(),
      order: orderBy(view.metric),
      metrics: SHOWN,
    })
    return {
      now: this.#grouped(() => ({ ...this.scope, ...groups(), limit: limit() })),
      before: this.#compared(() => ({ ...this.#scopeBefore, ...groups(), limit: MOST_GROUPS })),
    }
  }

  /** Hour by hour, at most of half a year: more is no sharper a picture of somebody's week. */
  hours() {
    return this.#grouped(() => ({
      ...this.scope,
      ...rangeParams(lastDays(view.span, HEAT_DAYS)),
      grain: 'hour',
      metrics: SHOWN,
    }))
  }

  calls(question: () => CallScope & { page: number; limit: number }) {
    return createQuery<HistoryPage>(() => ({
      queryKey: [USAGE, 'calls', question()],
      queryFn: ({ signal }: { signal: AbortSignal }) => this.#api.calls(question(), signal),
      placeholderData: keepPreviousData<HistoryPage>,
    }))
  }

  estimate(question: () => Counts & { model: string }) {
    return createQuery<Estimate>(() => ({
      queryKey: ['estimate', question()],
      queryFn: ({ signal }: { signal: AbortSignal }) => this.#api.estimate(question(), signal),
      placeholderData: keepPreviousData<Estimate>,
    }))
  }

  exportAddress(format: ExportFormat, scope: CallScope): string {
    return this.#api.exportAddress(format, scope)
  }

  refresh = (): void => {
    this.#refresher.request()
  }

  stop = (): void => {
    this.#refresher.stop()
  }

  /** Asked only while somebody compares. */
  #compared(question: () => Grouping) {
    return this.#grouped(question, { enabled: () => view.compare })
  }

  #now: Ask = (question, signal) => this.#api.grouped(question, signal)

  #chart: Ask = (question, signal) => {
    const asked = this.#api.grouped<never>(question, signal)
    this.#charted = asked.catch(() => undefined)
    return asked
  }

  /** Tables and heat map are many: asked together with the chart, they would hold up what is looked at first. */
  #later: Ask = async (question, signal) => {
    await this.#charted
    await new Promise((drawn) => setTimeout(drawn, FRAME_MS))
    signal.throwIfAborted()
    return this.#api.grouped(question, signal)
  }

  #grouped<Sums = Measured>(
    question: () => Grouping,
    { enabled = () => true, ask = this.#later }: { enabled?: () => boolean; ask?: Ask } = {},
  ) {
    return createQuery<Grouped<Sums>>(() => ({
      queryKey: [USAGE, question()],
      queryFn: ({ signal }: { signal: AbortSignal }) => ask<Sums>(question(), signal),
      enabled: enabled(),
      placeholderData: keepPreviousData<Grouped<Sums>>,
      notifyOnChangeProps: 'all' as const,
    }))
  }
}
