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
