import { createQuery, keepPreviousData, type QueryClient } from '@tanstack/svelte-query'
import type { Api } from '$lib/api/client'
import type { CurrentStats, ImportState, Overview } from '$lib/api/types'
import { browserZone } from '$lib/format/time'
import type { InitialData, LiveMessage } from '$lib/live/messages'
import { Refresher } from '$lib/live/refresher'
import { range, RANGE_HOURS } from '$lib/range/range.svelte'

const LIVE_GAP_MS = 250
const IMPORT_GAP_MS = 1000
const MODELS_GAP_MS = 1000
/** Figures also age without a call: sessions fall idle, the burn window moves on, midnight comes. */
const AGING_MS = 30_000

const OVERVIEW = 'overview'
const CURRENT = 'current'

/** What the Overview page knows, and how it is kept up to date. Made while a component is set up. */
export class OverviewController {
  readonly #client: QueryClient
  readonly #timezone = browserZone()
  readonly #refreshOverview: Refresher
  readonly #refreshModels: Refresher
  readonly overview
  readonly current

  constructor(client: QueryClient, api: Api) {
    this.#client = client
    const timezone = this.#timezone
    this.overview = createQuery(() => ({
      queryKey: [OVERVIEW, timezone, RANGE_HOURS[range.value]],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        api.overview({ timezone, hours: RANGE_HOURS[range.value], signal }),
      placeholderData: keepPreviousData<Overview>,
      refetchInterval: AGING_MS,
      notifyOnChangeProps: 'all' as const,
    }))
    this.current = createQuery(() => ({
      queryKey: [CURRENT, timezone],
      queryFn: ({ signal }: { signal: AbortSignal }) => api.current({ timezone, signal }),
      refetchInterval: AGING_MS,
      // By default only what was read before is announced: `refetch` is, long before a panel reads `data`.
      notifyOnChangeProps: 'all' as const,
    }))
    this.#refreshOverview = new Refresher(
      () => this.overview.refetch(),
      () => (this.importing ? IMPORT_GAP_MS : LIVE_GAP_MS),
    )
    this.#refreshModels = new Refresher(
      () => this.current.refetch(),
      () => MODELS_GAP_MS,
    )
  }

  get importing(): boolean {
    const state = this.overview.data?.import.state
    return state === 'starting' || state === 'importing'
  }

  /** Nothing was ever recorded and nothing is being read. */
  get empty(): boolean {
    const data = this.overview.data
    return data?.ledger.calls === 0 && !this.importing
  }

  refresh = (): void => {
    this.#refreshOverview.request()
    this.#refreshModels.request()
  }

  receive = (message: LiveMessage): void => {
    if (message.type === 'initial_data') this.#seed(message)
    if (message.type === 'import_progress') this.#showImport(message.data)
    if (message.type !== 'initial_data') this.refresh()
  }

  stop = (): void => {
    this.#refreshOverview.stop()
    this.#refreshModels.stop()
  }

  #showImport(state: ImportState): void {
    this.#client.setQueriesData<Overview>({ queryKey: [OVERVIEW] }, (old) =>
      old ? { ...old, import: state } : old,
    )
  }

  #seed(message: InitialData): void {
    const { totals, models } = message.data
    this.#showImport(message.data.import)
    this.#client.setQueryData<CurrentStats>([CURRENT, this.#timezone], (old) => ({
      timezone: this.#timezone,
      generated_at: message.timestamp,
      totals,
      models,
      estimated: old?.estimated ?? null,
    }))
  }
}
