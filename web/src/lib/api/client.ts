import createClient from 'openapi-fetch'
import type { paths } from './schema'
import type { CurrentStats, Overview } from './types'

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
  }
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
