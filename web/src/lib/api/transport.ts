/** What the server answered instead of data; the message says what to do. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface Reply<T> {
  data?: T
  error?: unknown
  response: Response
}

/** One question is asked at a time, so one that hangs must not hold up all that follow. */
const PATIENCE_MS = 20_000

/** The address everything is relative to, so that a reverse proxy may serve us under a prefix. */
export function baseUrl(): string {
  return new URL('.', document.baseURI).href.replace(/\/$/, '')
}

/** Where a route of the API is; what is null, undefined or empty is not asked. */
export function addressOf(base: string, path: string, query: object = {}): string {
  const address = new URL(`${base}/api/v1/${path}`)
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== '')
        address.searchParams.append(name, String(one))
    }
  }
  return address.href
}

export function patient(signal?: AbortSignal): AbortSignal {
  const limit = AbortSignal.timeout(PATIENCE_MS)
  return signal ? AbortSignal.any([signal, limit]) : limit
}

export async function get<T>(
  base: string,
  path: string,
  query: object,
  signal: AbortSignal,
): Promise<T> {
  return fetched(new Request(addressOf(base, path, query), { signal: patient(signal) }))
}

/** Asks for a change; the body goes as JSON. */
export async function send<T>(
  base: string,
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: object,
): Promise<T> {
  const init: RequestInit = { method, signal: patient() }
  if (body) {
    init.headers = { 'content-type': 'application/json' }
    init.body = JSON.stringify(body)
  }
  return fetched(new Request(addressOf(base, path), init))
}

export async function answer<T>(pending: Promise<Reply<T>>): Promise<T> {
  const { data, error, response } = await pending
  if (data !== undefined) return data
  throw new ApiError(response.status, errorText(error) ?? response.statusText)
}

async function fetched<T>(request: Request): Promise<T> {
  const response = await fetch(request)
  const body: unknown = await response.json().catch(() => undefined)
  return answer(
    Promise.resolve(
      response.ok ? { data: (body ?? {}) as T, response } : { error: body, response },
    ),
  )
}

function errorText(body: unknown): string | undefined {
  if (typeof body === 'object' && body !== null && 'error' in body) return String(body.error)
  return undefined
}
