import type { components } from './schema'

type Schemas = components['schemas']

export type Totals = Schemas['Totals']
export type CurrentStats = Schemas['CurrentStats']
export type Overview = Schemas['Overview']
export type ImportState = Schemas['Import']
export type ImportRoot = Schemas['ImportRoot']
export type SeriesPoint = Schemas['SeriesPoint']
export type RunningSession = Schemas['RunningSession']
export type Mover = Schemas['Mover']
export type UnpricedModel = Schemas['UnpricedModel']
export type EffectiveSettings = Schemas['EffectiveSettings']
export type Billing = Overview['billing']

/** What of its sums a group of calls is shown by. */
export type Measured = Pick<Totals, 'calls' | 'total_tokens' | 'total_cost_nano' | 'complete'>

export type GroupKeys = Partial<
  Record<
    'model' | 'project' | 'session' | 'source' | 'access_token' | 'account' | 'user',
    string | null
  >
>

/** A group of calls: the sums that were asked for, and what it was grouped by (null: not known). */
export type Group<Sums = Measured> = Sums & GroupKeys & { start?: string; previous?: Sums }

export interface Grouped<Sums = Measured> {
  timezone: string
  rows: Group<Sums>[]
  totals: Sums
  /** What the limit cut off. */
  rest?: Sums
}

/** The sums that the chart and the figures are drawn from. */
export type Split = Measured &
  Pick<
    Totals,
    | 'input_tokens'
    | 'output_tokens'
    | 'cache_write_5m_tokens'
    | 'cache_write_1h_tokens'
    | 'cache_creation_tokens'
    | 'cache_read_tokens'
    | 'input_cost_nano'
    | 'output_cost_nano'
    | 'cache_creation_cost_nano'
    | 'cache_read_cost_nano'
    | 'web_search_cost_nano'
    | 'cache_hit_rate'
  >

/** Prices in USD per million tokens; null: there are none now. */
export interface Price {
  input_price: number | null
  output_price: number | null
  cache_creation_price: number | null
  cache_creation_1h_price: number | null
  cache_read_price: number | null
  effective_date: string | null
  /** "shipped" with the program, or "set" by its user. */
  origin: string | null
  /** Where it was read, in words. */
  source: string | null
  aliases: string[]
}

export interface Pricing {
  models: Record<string, Price>
  unpriced: string[]
}

/** One call as lists and exports give it. */
export interface HistoryCall {
  id: string
  timestamp: string
  model: string
  session_id: string | null
  project: string | null
  source: string
  input_tokens: number
  output_tokens: number
  cache_write_5m_tokens: number
  cache_write_1h_tokens: number
  cache_read_tokens: number
  total_tokens: number
  total_cost_nano: string | null
}

export interface HistoryPage {
  data: HistoryCall[]
  pagination: { page: number; limit: number; total: number; total_pages: number }
}

/** Tokens by the kinds that have prices of their own. */
export type Counts = Record<
  | 'input_tokens'
  | 'output_tokens'
  | 'cache_write_5m_tokens'
  | 'cache_write_1h_tokens'
  | 'cache_read_tokens',
  number
>

export interface Estimate {
  total_cost_nano: string | null
  complete: boolean
}
