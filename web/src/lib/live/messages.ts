import type { CurrentStats, ImportState } from '$lib/api/types'

interface Envelope<Type extends string, Data> {
  type: Type
  timestamp: string
  data: Data
}

export type InitialData = Envelope<
  'initial_data',
  Pick<CurrentStats, 'totals' | 'models'> & { import: ImportState; version: string; batch: number }
>
export type StatsUpdate = Envelope<'stats_update', { batch: number; model: string; calls: number }>
export type ImportProgress = Envelope<'import_progress', ImportState>

/** Some increments were left out because this page was too slow: ask for everything anew. */
export type Resync = Envelope<'resync', Record<string, never>>

export type LiveMessage = InitialData | StatsUpdate | ImportProgress | Resync

const KNOWN = new Set(['initial_data', 'stats_update', 'import_progress', 'resync'])

/** Reads one frame; answers (pong) and types of later versions are nothing to us. */
export function readMessage(frame: unknown): LiveMessage | null {
  if (typeof frame !== 'string') return null
  const message = parse(frame)
  return isEnvelope(message) && KNOWN.has(message.type) ? (message as LiveMessage) : null
}

function parse(frame: string): unknown {
  try {
    return JSON.parse(frame)
  } catch {
    return null
  }
}

function isEnvelope(value: unknown): value is Envelope<string, unknown> {
  return typeof value === 'object' && value !== null && 'type' in value && 'data' in value
}
