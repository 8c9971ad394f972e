import type { Filter } from './filters'

/** Which calls the drawer shows beside the page's own filters; null while it is closed. */
class History {
  extra = $state.raw<readonly Filter[] | null>(null)
}

export const history = new History()

/** Opens the calls behind a sum. */
export function showCalls(extra: readonly Filter[]): void {
  history.extra = extra
}
