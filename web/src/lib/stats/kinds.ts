import type { SeriesPoint } from '$lib/api/types'
import type { MessageKey } from '$lib/i18n/messages'

export type Kind = 'read' | 'write' | 'input' | 'output' | 'search'

/** What of a group of calls is split by kind. */
type Split = Omit<SeriesPoint, 'start' | 'calls'>

export interface KindFacts {
  kind: Kind
  label: MessageKey
  color: string
  tokens: ((point: Split) => number) | null
  cost: (point: Split) => string | null
}

/** Bottom to top, left to right: the order is the same everywhere. */
export const KINDS: readonly KindFacts[] = [
  {
    kind: 'read',
    label: 'kind.read',
    color: '--kind-read',
    tokens: (point) => point.cache_read_tokens,
    cost: (point) => point.cache_read_cost_nano,
  },
  {
    kind: 'write',
    label: 'kind.write',
    color: '--kind-write',
    tokens: (point) => point.cache_creation_tokens,
    cost: (point) => point.cache_creation_cost_nano,
  },
  {
    kind: 'input',
    label: 'kind.input',
    color: '--kind-input',
    tokens: (point) => point.input_tokens,
    cost: (point) => point.input_cost_nano,
  },
  {
    kind: 'output',
    label: 'kind.output',
    color: '--kind-output',
    tokens: (point) => point.output_tokens,
    cost: (point) => point.output_cost_nano,
  },
  {
    kind: 'search',
    label: 'kind.search',
    color: '--kind-search',
    tokens: null,
    cost: (point) => point.web_search_cost_nano,
  },
]
