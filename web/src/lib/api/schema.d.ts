export interface paths {
  '/api/v1/health': {
    get: operations['getHealth']
  }
  '/api/v1/version': {
    get: operations['getVersion']
  }
  '/api/v1/stats/current': {
    get: operations['getCurrentStats']
  }
  '/api/v1/stats/overview': {
    get: operations['getOverview']
  }
}
export interface components {
  schemas: {
    Health: {
      status: string
      version: string
    }
    Version: {
      version: string
    }
    Error: {
      error: string
    }
    Totals: {
      calls: number
      error_calls: number
      unpriced_calls: number
      estimated_calls: number
      partial_calls: number
      input_tokens: number
      output_tokens: number
      cache_write_5m_tokens: number
      cache_write_1h_tokens: number
      cache_creation_tokens: number
      cache_read_tokens: number
      total_tokens: number
      web_searches: number
      input_cost: number | null
      output_cost: number | null
      cache_creation_cost: number | null
      cache_read_cost: number | null
      web_search_cost: number | null
      total_cost: number | null
      input_cost_nano: string | null
      output_cost_nano: string | null
      cache_creation_cost_nano: string | null
      cache_read_cost_nano: string | null
      web_search_cost_nano: string | null
      total_cost_nano: string | null
      equivalent_cost_nano: string | null
      cache_hit_rate: number | null
      complete: boolean
    }
    CurrentStats: {
      timezone: string
      generated_at: string
      totals: components['schemas']['Totals']
      models: {
        [key: string]: components['schemas']['Totals']
      }
    }
    LedgerFacts: {
      calls: number
      sessions: number
      first_call_at: string | null
      last_call_at: string | null
    }
    ImportRoot: {
      path: string
      found: boolean
      files: number
      billing: string
    }
    Import: {
      /** @enum {string} */
      state: 'starting' | 'importing' | 'following' | 'failed'
      files_done: number
      files_total: number
      bytes_done: number
      bytes_total: number
      calls: number
      started_at: string | null
      finished_at: string | null
      error: string | null
      roots: components['schemas']['ImportRoot'][]
    }
    Burn: {
      window_minutes: number
      cost_nano_per_hour: string | null
      tokens_per_minute: number
      projected_day_cost_nano: string | null
    }
    SeriesPoint: {
      start: string
      calls: number
      input_tokens: number
      output_tokens: number
      cache_creation_tokens: number
      cache_read_tokens: number
      input_cost_nano: string | null
      output_cost_nano: string | null
      cache_creation_cost_nano: string | null
      cache_read_cost_nano: string | null
      web_search_cost_nano: string | null
    }
    Series: {
      /** @enum {string} */
      grain: 'quarter' | 'hour'
      points: components['schemas']['SeriesPoint'][]
    }
    RunningSession: {
      session_id: string
      project: string
      branch: string | null
      models: string[]
      /** @enum {string} */
      state: 'active' | 'idle'
      started_at: string
      last_call_at: string
      subagents: number
      totals: components['schemas']['Totals']
    }
    Mover: {
      project: string
      today: components['schemas']['Totals']
      yesterday_same_time: components['schemas']['Totals']
    }
    UnpricedModel: {
      model: string
      calls: number
      total_tokens: number
    }
    Overview: {
      timezone: string
      now: string
      /** @enum {string} */
      billing: 'api' | 'subscription' | 'mixed' | 'unknown'
      ledger: components['schemas']['LedgerFacts']
      import: components['schemas']['Import']
      today: components['schemas']['Totals']
      yesterday_same_time: components['schemas']['Totals']
      burn: components['schemas']['Burn']
      series: components['schemas']['Series']
      sessions: components['schemas']['RunningSession'][]
      movers: components['schemas']['Mover'][]
      unpriced: components['schemas']['UnpricedModel'][]
    }
  }
}
export interface operations {
  getHealth: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    requestBody?: never
    responses: {
      200: { content: { 'application/json': components['schemas']['Health'] } }
    }
  }
  getVersion: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    requestBody?: never
    responses: {
      200: { content: { 'application/json': components['schemas']['Version'] } }
    }
  }
  getCurrentStats: {
    parameters: { query?: { timezone?: string }; header?: never; path?: never; cookie?: never }
    requestBody?: never
    responses: {
      200: { content: { 'application/json': components['schemas']['CurrentStats'] } }
      400: { content: { 'application/json': components['schemas']['Error'] } }
    }
  }
  getOverview: {
    parameters: {
      query?: { timezone?: string; hours?: number }
      header?: never
      path?: never
      cookie?: never
    }
    requestBody?: never
    responses: {
      200: { content: { 'application/json': components['schemas']['Overview'] } }
      400: { content: { 'application/json': components['schemas']['Error'] } }
    }
  }
}
