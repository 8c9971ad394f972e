import type { LogQuery } from '$lib/gateway/types'
import { browserZone } from '$lib/format/time'
import {
  parsePeriod,
  periodOf,
  periodText,
  rangeParams,
  spanOf,
  type Span,
} from '$lib/range/period'
import { router } from '$lib/router/router.svelte'
import { filterText } from '$lib/usage/filters'
import { view } from '$lib/usage/view.svelte'
import { callFilterText, parameters, readFilters, type CallField, type CallFilter } from './filters'
import { parseSort, sortText, type Sort } from './sorts'

/** Which calls the page shows, in which order, and which one is looked at. All of it lives in the address. */
class Asked {
  readonly #params = $derived(new URLSearchParams(router.search))
  readonly #filters = $derived(readFilters(this.#params.getAll('f')))
  readonly filters = $derived(this.#filters.applied)
  /** Filters of the Usage page that a list of calls cannot apply. */
  readonly left = $derived(this.#filters.left)
  readonly sort: Sort = $derived(parseSort(this.#params.get('sort')))
  /** The call whose story is open. */
  readonly call = $derived(this.#params.get('r'))
  /** A stretch within the range, chosen on the scrubber; what lies outside it was meant for another range. */
  readonly within: Span | null = $derived.by(() => {
    const text = this.#params.get('within')
    const span = text ? spanOf(parsePeriod(text), view.today, view.firstDay) : null
    return span && span.start < view.span.end && span.end > view.span.start ? span : null
  })
  /** The moment the list begins at, where somebody jumped into it; null: its beginning. */
  readonly at: Date | null = $derived.by(() => {
    const at = new Date(this.#params.get('at') ?? '')
    return at > view.span.start && at < view.span.end ? at : null
  })
  readonly span: Span = $derived(this.within ?? view.span)
  readonly query: LogQuery = $derived.by(() => {
    const { start_date, end_date } = rangeParams(this.span)
    return {
      ...parameters(this.filters),
      from_date: start_date,
      to_date: end_date,
      timezone: browserZone(),
      sort: sortText(this.sort),
    }
  })

  setFilter(field: CallField, value: string): void {
    const others = this.filters.filter((each) => each.field !== field)
    this.#setFilters([...others, { field, value }])
  }

  dropFilter(field: CallField): void {
    this.#setFilters(this.filters.filter((each) => each.field !== field))
  }

  dropLastFilter(): void {
    this.#setFilters(this.filters.slice(0, -1))
  }

  clearFilters(): void {
    router.change((params) => {
      for (const name of ['f', 'within', 'at']) params.delete(name)
    })
  }

  chooseWithin(span: Span | null): void {
    router.change((params) => {
      params.delete('at')
      if (span) params.set('within', periodText(periodOf(span, view.today)))
      else params.delete('within')
    })
  }

  chooseSort(sort: Sort): void {
    router.change((params) => {
      params.delete('at')
      params.set('sort', sortText(sort))
    })
  }

  jump(at: Date): void {
    router.change((params) => {
      params.delete('sort')
      params.set('at', at.toISOString())
    })
  }

  /** Opens a call; going on to its neighbour leaves no step to go back to. */
  open(id: string): void {
    const step = this.call ? router.replace : router.change
    step.call(router, (params: URLSearchParams) => {
      params.set('r', id)
    })
  }

  close(): void {
    if (!this.call) return
    router.change((params) => {
      params.delete('r')
    })
  }

  #setFilters(filters: readonly CallFilter[]): void {
    router.change((params) => {
      params.delete('f')
      params.delete('at')
      for (const filter of filters) params.append('f', callFilterText(filter))
      for (const filter of this.left) params.append('f', filterText(filter))
    })
  }
}

export const asked = new Asked()
