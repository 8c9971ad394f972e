import type { ImportState } from '$lib/api/types'

/** Progress goes by bytes, because files differ a thousandfold; null until the whole is known. */
export function importShare(state: ImportState): number | null {
  if (state.state === 'starting' || state.bytes_total === 0) return null
  return Math.min(1, state.bytes_done / state.bytes_total)
}

export function isImporting(state: ImportState): boolean {
  return state.state === 'starting' || state.state === 'importing'
}

export function elapsedMs(state: ImportState, now: number): number {
  return state.started_at === null ? 0 : Math.max(0, now - Date.parse(state.started_at))
}
