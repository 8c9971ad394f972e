import { router } from '$lib/router/router.svelte'

export const RANGES = ['24h', '7d'] as const
export type Range = (typeof RANGES)[number]

export const RANGE_HOURS: Record<Range, 24 | 168> = { '24h': 24, '7d': 168 }

/** The first page's range lives in the address, so that a link shows what its sender saw. */
class RangeChoice {
  readonly value: Range = $derived.by(() => {
    const asked = new URLSearchParams(router.search).get('range')
    return RANGES.find((range) => range === asked) ?? '24h'
  })

  choose(range: Range): void {
    router.change((params) => {
      params.set('range', range)
    })
  }
}

export const range = new RangeChoice()
