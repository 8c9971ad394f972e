export const RANGES = ['24h', '7d'] as const
export type Range = (typeof RANGES)[number]

export const RANGE_HOURS: Record<Range, 24 | 168> = { '24h': 24, '7d': 168 }

/** The range lives in the address, so that a link shows what its sender saw. */
class RangeChoice {
  value = $state<Range>('24h')

  read(search: string = location.search): void {
    const asked = new URLSearchParams(search).get('range')
    this.value = RANGES.find((range) => range === asked) ?? '24h'
  }

  choose(range: Range): void {
    this.value = range
    const address = new URL(location.href)
    address.searchParams.set('range', range)
    history.replaceState(history.state, '', address)
  }
}

export const range = new RangeChoice()
