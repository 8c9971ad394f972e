import { changedSearch } from '$lib/router/path'

const STORED = 'ccledger.views'
const MOST = 30

/** A named set of filters: what an address asks for, kept in this browser. */
export interface SavedView {
  name: string
  search: string
}

/** What of an address makes up a view; which call is open does not. */
export function viewSearch(search: string): string {
  return changedSearch(search, (params) => {
    params.delete('r')
    params.delete('at')
  })
}

class SavedViews {
  all = $state.raw<readonly SavedView[]>(stored())

  /** A view of the same name is replaced. */
  save(name: string, search: string): void {
    const view = { name: name.trim(), search: viewSearch(search) }
    if (view.name) this.#keep([view, ...this.all.filter((each) => each.name !== view.name)])
  }

  remove(name: string): void {
    this.#keep(this.all.filter((each) => each.name !== name))
  }

  #keep(views: readonly SavedView[]): void {
    this.all = views.slice(0, MOST)
    localStorage.setItem(STORED, JSON.stringify(this.all))
  }
}

export const savedViews = new SavedViews()

function stored(): SavedView[] {
  try {
    const views: unknown = JSON.parse(localStorage.getItem(STORED) ?? '[]')
    return Array.isArray(views) ? views.filter(isView) : []
  } catch {
    return []
  }
}

function isView(value: unknown): value is SavedView {
  const view = value as Partial<SavedView> | null
  return typeof view?.name === 'string' && typeof view.search === 'string'
}
