/** The words of the gateway's routes, until the generated schema has them. Times are RFC 3339. */

export type Mode = 'api' | 'web' | 'both'

/** An access key without its secret. */
export interface TokenInfo {
  id: string
  name: string
  mode: Mode
  user_name: string
  note: string
  hint: string
  created_at: string
  expires_at: string | null
  revoked_at: string | null
  last_used_at: string | null
  is_valid: boolean
  enable_conversation_logging: boolean
  models: string[]
  ips: string[]
  requests_per_minute: number | null
  tokens_per_minute: number | null
  concurrency: number | null
  total_requests: number
  total_tokens_used: number
  total_cost: number | null
  total_cost_nano: string | null
}

/** The same with the secret, which is answered once. */
export interface IssuedToken extends TokenInfo {
  token: string
}

/** What may be changed of a key; null takes a limit away. */
export interface TokenSettings {
  name: string
  mode: Mode
  note: string
  models: string[]
  ips: string[]
  requests_per_minute: number | null
  tokens_per_minute: number | null
  concurrency: number | null
  enable_conversation_logging: boolean
  expires_in?: string | null
}

export interface TokenWish extends TokenSettings {
  user_name?: string
}

export type AccountType = 'api-key' | 'oauth' | 'session-key'
export type AccountStatus = 'ready' | 'busy' | 'cooling' | 'open' | 'inactive' | 'expired'

/** A limit the upstream told of: how much of a window is used up. */
export interface LimitWindow {
  window: string
  used_percentage: number | null
  resets_at: string | null
  status: string | null
}

export interface AccountState {
  status: AccountStatus
  in_flight: number
  cooldown_until: string | null
  reason: string | null
  windows: LimitWindow[]
}

export interface AccountInfo {
  id: string
  name: string
  type: AccountType
  base_url: string
  proxy_url: string
  hint: string
  organization_id: string
  billing: 'api' | 'subscription'
  weight: number
  priority: number
  concurrency: number | null
  is_active: boolean
  created_at: string
  expires_at: string | null
  last_used_at: string | null
  last_check_at: string | null
  health_status: 'healthy' | 'unhealthy' | 'unknown'
  error_count: number
  success_count: number
  state: AccountState
}

export interface AccountSettings {
  name: string
  base_url?: string
  proxy_url?: string
  billing: 'api' | 'subscription'
  weight: number
  priority: number
  concurrency: number | null
}

/** A new account by its kind of secret. */
export interface AccountWish extends AccountSettings {
  api_key?: string
  access_token?: string
  refresh_token?: string
  session_key?: string
  organization_id?: string
}

/** One call as the request log gives it. */
export interface RequestLog {
  id: string
  token_id: string | null
  token_name: string | null
  account_id: string | null
  account_name: string | null
  user_name: string | null
  mode: string | null
  model: string | null
  stream: boolean | null
  endpoint: string | null
  request_at: string
  response_at: string | null
  duration_ms: number | null
  ttft_ms: number | null
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  input_tokens: number
  output_tokens: number
  cache_write_5m_tokens: number
  cache_write_1h_tokens: number
  cache_creation_tokens: number
  cache_read_tokens: number
  web_searches: number
  cost_usd: number | null
  cost_nano_usd: string | null
  total_cost: number | null
  total_cost_nano: string | null
  status_code: number | null
  success: boolean
  failed_by: string | null
  error_message: string | null
  attempts: number | null
  session_id: string | null
  project: string | null
  branch: string | null
  agent: string | null
  source: string
  origin: string
  conversation_id: string | null
}

export interface CostLine {
  kind: string
  tokens: number
  usd_per_mtok: number | null
  cost: number | null
  cost_nano: string | null
}

export interface CallDetail extends RequestLog {
  cost_lines: CostLine[]
  price: {
    model: string
    source: string | null
    starts_at: string | null
    modifiers: string[]
  } | null
}

export interface RequestPage {
  logs: RequestLog[]
  total: number
  total_is_exact: boolean
  page: number
  limit: number
  /** Cursor of what follows in the list's order, for `after`; null at its end. */
  next: string | null
  /** Cursor of what comes before, for `before`; null at its beginning. */
  previous: string | null
}

/** Which calls are meant, in the words of the request log's parameters. */
export interface LogQuery {
  token_id?: string
  account_id?: string
  user_name?: string
  mode?: string
  model?: string
  success?: string
  status?: string
  session?: string
  project?: string
  source?: string
  endpoint?: string
  from_date?: string
  to_date?: string
  timezone?: string
  sort?: string
}

export interface Paging {
  page?: number
  limit?: number
  after?: string
  before?: string
}

export interface DayOfRequests {
  date: string
  requests: number
  success_count: number
  error_count: number
  total_tokens: number
  total_cost: number | null
}

export interface RequestStats {
  today: Omit<DayOfRequests, 'date'> & { success_rate: number | null }
  trend: DayOfRequests[]
  latest: RequestLog[]
}

export interface Me {
  signed_in: boolean
  how: string | null
  password_set: boolean
  open_on_loopback: boolean
}
