import createClient from 'openapi-fetch'
import type { paths } from './schema'
import { addressOf, answer, baseUrl, get, patient } from './transport'
import type {
  Counts,
  CurrentStats,
  EffectiveSettings,
  Estimate,
  Grouped,
  HistoryPage,
  Measured,
  Overview,
  Pricing,
} from './types'

export { ApiError, baseUrl } from './transport'

export interface Question {
  timezone: string
  signal: AbortSignal
}

/** Which calls are meant: a stretch of time, days of a zone, filters. */
export interface Scope {
  start_date: string
  end_date: string
  timezone: string
  filter: string[]
}

export interface Grouping extends Scope {
  group_by?: string
  grain?: string
  order?: string
  limit?: number
  compare?: 'previous'
  /** The sums wanted, with commas between; without it all. */
  metrics?: string
}

export const EXPORT_FORMATS = ['csv', 'json', 'jsonl'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** The same for single calls, whose filters are fewer. */
export interface CallScope extends Omit<Scope, 'filter'> {
  model?: string
  project?: string
  session?: string
}

export function createApi(base: string = baseUrl()) {
  const client = createClient<paths>({ baseUrl: base })
  return {
    overview: ({ timezone, hours, signal }: Question & { hours: 24 | 168 }): Promise<Overview> =>
      answer(
        client.GET('/api/v1/stats/overview', {
          params: { query: { timezone, hours } },
          signal: patient(signal),
        }),
      ),
    current: ({ timezone, signal }: Question): Promise<CurrentStats> =>
      answer(
        client.GET('/api/v1/stats/current', {
          params: { query: { timezone } },
          signal: patient(signal),
        }),
      ),
    settings: (signal: AbortSignal): Promise<EffectiveSettings> =>
      answer(client.GET('/api/v1/settings', { signal: patient(signal) })),
    grouped: <Sums = Measured>(query: Grouping, signal: AbortSignal): Promise<Grouped<Sums>> =>
      get(base, 'stats/query', query, signal),
    calls: (query: CallScope & { page: number; limit: number }, signal: AbortSignal) =>
      get<HistoryPage>(base, 'stats/history', query, signal),
    exportAddress: (format: ExportFormat, scope: CallScope): string =>
      addressOf(base, `export/${format}`, scope),
    estimate: (query: Counts & { model: string }, signal: AbortSignal) =>
      get<Estimate>(base, 'cost/estimate', query, signal),
    pricing: (signal: AbortSignal): Promise<Pricing> => get(base, 'cost/pricing', {}, signal),
  }
}

export type Api = ReturnType<typeof createApi>
