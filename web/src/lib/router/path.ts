/** Where an address lies within the application, which may be served under a prefix. */
export function relativePath(href: string, base: string): string {
  const root = new URL('.', base).pathname
  const { pathname } = new URL(href)
  const rest = pathname.startsWith(root) ? pathname.slice(root.length) : pathname
  return rest.replace(/^\/+|\/+$/g, '')
}

/** What is asked of a page, changed; what nobody asks leaves no question mark behind. */
export function changedSearch(search: string, change: (params: URLSearchParams) => void): string {
  const params = new URLSearchParams(search)
  change(params)
  const text = params.toString()
  return text && `?${text}`
}

/** Asked by several pages alike: the range, its comparison, the filters, how charts are drawn. */
const SHARED = new Set(['range', 'compare', 'f', 'metric', 'by', 'grain'])

/** What of a page's question means something to the next page. */
export function carried(search: string): string {
  return changedSearch(search, (params) => {
    for (const name of [...params.keys()]) if (!SHARED.has(name)) params.delete(name)
  })
}

/** "keys" of "keys/7f3a": the page an address belongs to. */
export function pageOf(path: string): string {
  return path.split('/', 1)[0] ?? ''
}

/** "7f3a" of "keys/7f3a": what of a page is looked at; "" is the page itself. */
export function partOf(path: string): string {
  return decodeURIComponent(path.slice(pageOf(path).length + 1))
}
