import createClient from 'openapi-fetch'
import type { paths } from './schema'
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

/** What the server answered instead of data; the message says what to do. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

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

/** One question is asked at a time, so one that hangs must not hold up all that follow. */
const PATIENCE_MS = 20_000

/** The address everything is relative to, so that a reverse proxy may serve us under a prefix. */
export function baseUrl(): string {
  return new URL('.', document.baseURI).href.replace(/\/$/, '')
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

async function get<T>(base: string, path: string, query: object, signal: AbortSignal): Promise<T> {
  const address = addressOf(base, path, query)
  const response = await fetch(new Request(address, { signal: patient(signal) }))
  const body: unknown = await response.json().catch(() => undefined)
  return answer(
    Promise.resolve(response.ok ? { data: body as T, response } : { error: body, response }),
  )
}

function addressOf(base: string, path: string, query: object): string {
  const address = new URL(`${base}/api/v1/${path}`)
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) address.searchParams.append(name, String(one))
  }
  return address.href
}

export type Api = ReturnType<typeof createApi>

interface Reply<T> {
  data?: T
  error?: unknown
  response: Response
}

function patient(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])
}

async function answer<T>(pending: Promise<Reply<T>>): Promise<T> {
  const { data, error, response } = await pending
  if (data !== undefined) return data
  throw new ApiError(response.status, errorText(error) ?? response.statusText)
}

function errorText(body: unknown): string | undefined {
  if (typeof body === 'object' && body !== null && 'error' in body) return String(body.error)
  return undefined
}
