import type { LogQuery } from '$lib/gateway/types'
import { parseFilter, type Filter } from '$lib/usage/filters'

/** What single calls are told apart by; the first seven are those of the Usage page. */
export const CALL_FIELDS = [
  'model',
  'project',
  'session',
  'source',
  'access_token',
  'account',
  'user',
  'mode',
  'status',
  'success',
  'endpoint',
] as const
export type CallField = (typeof CALL_FIELDS)[number]

export interface CallFilter {
  field: CallField
  value: string
}

const PARAMETERS = {
  model: 'model',
  project: 'project',
  session: 'session',
  source: 'source',
  access_token: 'token_id',
  account: 'account_id',
  user: 'user_name',
  mode: 'mode',
  status: 'status',
  success: 'success',
  endpoint: 'endpoint',
} as const satisfies Record<CallField, keyof LogQuery>

/** Filters as an address holds them: those a list of calls can apply, and those only sums know. */
export function readFilters(texts: readonly string[]): { applied: CallFilter[]; left: Filter[] } {
  const applied: CallFilter[] = []
  const left: Filter[] = []
  for (const text of texts) {
    const shared = parseFilter(text)
    const own = shared ?? ownFilter(text)
    if (!own) continue
    const taken = applied.some(({ field }) => field === own.field)
    if (shared && (shared.exclude || !shared.value || taken)) left.push(shared)
    else if (own.value && !taken) applied.push({ field: own.field, value: own.value })
  }
  return { applied, left }
}

export function callFilterText({ field, value }: CallFilter): string {
  return `${field}:${value}`
}

/** The same as parameters of the request log. */
export function parameters(filters: readonly CallFilter[]): LogQuery {
  return Object.fromEntries(filters.map(({ field, value }) => [PARAMETERS[field], value]))
}

/** Those that sums can be asked by, in their words. */
export function sharedFilters(filters: readonly CallFilter[]): string[] {
  return filters.map(callFilterText).filter((text) => parseFilter(text))
}

function ownFilter(text: string): CallFilter | null {
  const colon = text.indexOf(':')
  const field = CALL_FIELDS.find((each) => each === text.slice(0, Math.max(colon, 0)))
  return field ? { field, value: text.slice(colon + 1) } : null
}
