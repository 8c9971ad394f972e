import { filterText, type Filter } from '$lib/usage/filters'
import { carried, changedSearch } from '$lib/router/path'

/** What is asked of the Requests page to see these calls in the range that is looked at. */
export function requestsSearch(search: string, filters: readonly Filter[]): string {
  return changedSearch(carried(search), (params) => {
    const asked = new Set(params.getAll('f'))
    for (const filter of filters) asked.add(filterText(filter))
    params.delete('f')
    for (const text of asked) params.append('f', text)
  })
}
