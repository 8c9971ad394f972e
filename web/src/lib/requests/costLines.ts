import type { CallDetail, CostLine } from '$lib/gateway/types'
import { parseNano } from '$lib/format/money'
import type { MessageKey } from '$lib/i18n/messages'

export interface WorkedLine {
  label: MessageKey | null
  /** What the server calls the kind, where no word is known. */
  kind: string
  color: string
  count: number
  /** USD, per million Tokens or per piece; null: none is known. */
  rate: number | null
  per: 'mtok' | 'piece'
  nano: bigint | null
}

const KINDS: Record<string, { label: MessageKey; color: string }> = {
  input: { label: 'kind.input', color: '--kind-input' },
  output: { label: 'kind.output', color: '--kind-output' },
  cache_write_5m: { label: 'kind.write5m', color: '--kind-write' },
  cache_write_1h: { label: 'kind.write1h', color: '--kind-write' },
  cache_creation: { label: 'kind.write', color: '--kind-write' },
  cache_read: { label: 'kind.read', color: '--kind-read' },
  web_search: { label: 'kind.search', color: '--kind-search' },
}
const NANO_PER_DOLLAR = 1e9

/** A call's cost as one would work it out on paper: every kind that was used, dearest word first. */
export function workedLines(lines: readonly CostLine[]): WorkedLine[] {
  return lines.map((line) => {
    const kind = line.kind.replace(/_tokens$|es$/, '')
    const known = KINDS[kind]
    const nano = parseNano(line.cost_nano)
    const piece = kind === 'web_search'
    const each = piece && nano !== null && line.tokens > 0 ? Number(nano) / line.tokens : null
    return {
      label: known?.label ?? null,
      kind: line.kind,
      color: known?.color ?? '--ink-3',
      count: line.tokens,
      rate: each === null ? (piece ? null : line.usd_per_mtok) : each / NANO_PER_DOLLAR,
      per: piece ? 'piece' : 'mtok',
      nano,
    }
  })
}

/** The sum is the ledger's own figure; null where the call has no price. */
export function total(call: Pick<CallDetail, 'total_cost_nano'>): bigint | null {
  return parseNano(call.total_cost_nano)
}
