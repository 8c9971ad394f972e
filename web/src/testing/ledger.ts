import type { ImportState, Overview, SeriesPoint, Totals } from '$lib/api/types'

/** Made-up answers of the server; tests name only what they are about. */

export function totals(known: Partial<Totals> = {}): Totals {
  return {
    calls: 0,
    error_calls: 0,
    unpriced_calls: 0,
    estimated_calls: 0,
    partial_calls: 0,
    input_tokens: 0,
    output_tokens: 0,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    cache_creation_tokens: 0,
    cache_read_tokens: 0,
    total_tokens: 0,
    web_searches: 0,
    input_cost: 0,
    output_cost: 0,
    cache_creation_cost: 0,
    cache_read_cost: 0,
    web_search_cost: 0,
    total_cost: 0,
    input_cost_nano: '0',
    output_cost_nano: '0',
    cache_creation_cost_nano: '0',
    cache_read_cost_nano: '0',
    web_search_cost_nano: '0',
    total_cost_nano: '0',
    equivalent_cost_nano: '0',
    cache_hit_rate: 0,
    complete: true,
    ...known,
  }
}

export function point(start: Date, known: Partial<SeriesPoint> = {}): SeriesPoint {
  return {
    start: start.toISOString(),
    calls: 0,
    input_tokens: 0,
    output_tokens: 0,
    cache_creation_tokens: 0,
    cache_read_tokens: 0,
    input_cost_nano: '0',
    output_cost_nano: '0',
    cache_creation_cost_nano: '0',
    cache_read_cost_nano: '0',
    web_search_cost_nano: '0',
    ...known,
  }
}

export function importState(known: Partial<ImportState> = {}): ImportState {
  return {
    state: 'following',
    files_done: 0,
    files_total: 0,
    bytes_done: 0,
    bytes_total: 0,
    calls: 0,
    started_at: '2026-11-20T09:00:00.000Z',
    finished_at: null,
    error: null,
    roots: [],
    ...known,
  }
}

export function overview(known: Partial<Overview> = {}): Overview {
  return {
    timezone: 'UTC',
    now: new Date().toISOString(),
    billing: 'api',
    ledger: { calls: 3, sessions: 1, first_call_at: null, last_call_at: null },
    import: importState(),
    today: totals(),
    yesterday_same_time: totals(),
    burn: {
      window_minutes: 60,
      cost_nano_per_hour: '0',
      tokens_per_minute: 0,
      projected_day_cost_nano: null,
    },
    series: { grain: 'hour', points: [] },
    sessions: [],
    movers: [],
    unpriced: [],
    ...known,
  }
}
