import type { AccountInfo, RequestLog, RequestPage, TokenInfo } from '$lib/gateway/types'

/** Made-up answers of the gateway's routes; tests name only what they are about. */

export function call(id: string, known: Partial<RequestLog> = {}): RequestLog {
  return {
    id,
    token_id: null,
    token_name: null,
    account_id: null,
    account_name: null,
    user_name: null,
    mode: 'api',
    model: 'claude-opus-5',
    stream: true,
    endpoint: 'messages',
    request_at: '2026-11-20T08:00:00.000Z',
    response_at: null,
    duration_ms: 4000,
    ttft_ms: 1000,
    prompt_tokens: 0,
    completion_tokens: 0,
    total_tokens: 0,
    input_tokens: 0,
    output_tokens: 0,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    cache_creation_tokens: 0,
    cache_read_tokens: 0,
    web_searches: 0,
    cost_usd: 0,
    cost_nano_usd: '0',
    total_cost: 0,
    total_cost_nano: '0',
    status_code: 200,
    success: true,
    failed_by: null,
    error_message: null,
    attempts: 1,
    session_id: null,
    project: null,
    branch: null,
    agent: null,
    source: 'gateway',
    origin: 'measured',
    conversation_id: null,
    ...known,
  }
}

export function key(id: string, known: Partial<TokenInfo> = {}): TokenInfo {
  return {
    id,
    name: id,
    mode: 'api',
    user_name: 'default',
    note: '',
    hint: 'ccl-7Qxk…',
    created_at: '2026-10-01T00:00:00.000Z',
    expires_at: null,
    revoked_at: null,
    last_used_at: null,
    is_valid: true,
    enable_conversation_logging: false,
    models: [],
    ips: [],
    requests_per_minute: null,
    tokens_per_minute: null,
    concurrency: null,
    total_requests: 0,
    total_tokens_used: 0,
    total_cost: 0,
    total_cost_nano: '0',
    ...known,
  }
}

export function account(id: string, known: Partial<AccountInfo> = {}): AccountInfo {
  return {
    id,
    name: id,
    type: 'api-key',
    base_url: 'https://api.anthropic.com',
    proxy_url: '',
    hint: 'x4Qa',
    organization_id: '',
    billing: 'api',
    weight: 1,
    priority: 0,
    concurrency: null,
    is_active: true,
    created_at: '2026-10-01T00:00:00.000Z',
    expires_at: null,
    last_used_at: null,
    last_check_at: null,
    health_status: 'unknown',
    error_count: 0,
    success_count: 0,
    state: { status: 'ready', in_flight: 0, cooldown_until: null, reason: '', windows: [] },
    ...known,
  }
}

/** A log of numbered calls, newest first, that is asked as the server is. */
export class FakeLog {
  asked: string[] = []
  failing = false
  /** So many answers hold nothing but where to go on. */
  hurried = 0
  newest: number
  readonly oldest: number

  constructor(newest: number, oldest = 1) {
    this.newest = newest
    this.oldest = oldest
  }

  ask = (query: object): Promise<RequestPage> => {
    const wanted = query as Record<string, string | number | undefined>
    this.asked.push(
      ['after', 'before', 'page', 'to_date']
        .flatMap((name) => (wanted[name] === undefined ? [] : [`${name}=${String(wanted[name])}`]))
        .join('&') || 'first',
    )
    if (this.failing) return Promise.reject(new Error('gone'))
    if (this.hurried > 0) {
      this.hurried -= 1
      return Promise.resolve(this.#page([], 'later', null))
    }
    const limit = Number(wanted['limit'])
    const from = this.#from(wanted, limit)
    const to = Math.max(this.oldest - 1, from - limit)
    const last = wanted['before'] === undefined ? to : Math.max(to, Number(wanted['before']))
    const logs = Array.from({ length: Math.max(0, from - last) }, (_, at) =>
      call(String(from - at)),
    )
    const next = last >= this.oldest ? String(last + 1) : null
    return Promise.resolve(this.#page(logs, next, from < this.newest ? String(from) : null))
  }

  #page(logs: RequestLog[], next: string | null, previous: string | null): RequestPage {
    const total = this.newest - this.oldest + 1
    return { logs, total, total_is_exact: true, page: 0, limit: logs.length, next, previous }
  }

  /** The number of the first call of an answer. */
  #from(wanted: Record<string, string | number | undefined>, limit: number): number {
    if (wanted['after'] === 'later') return this.newest
    if (wanted['after'] !== undefined) return Number(wanted['after']) - 1
    if (wanted['before'] !== undefined)
      return Math.min(this.newest, Number(wanted['before']) + limit)
    if (wanted['page'] !== undefined) return this.newest - Number(wanted['page']) * limit
    return wanted['to_date'] === undefined ? this.newest : Math.floor(this.newest / 2)
  }
}
