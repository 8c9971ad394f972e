import { carried, changedSearch, relativePath } from './path'

/** The address within the application: "" is the start page, without slashes at either end. */
class Router {
  path = $state('')
  /** What is asked of a page, with its question mark; what all pages understand goes along. */
  search = $state('')

  constructor() {
    this.#read()
  }

  /** Follows the address bar until the returned function is called. */
  follow(): () => void {
    const read = () => {
      this.#read()
    }
    read()
    addEventListener('popstate', read)
    return () => {
      removeEventListener('popstate', read)
    }
  }

  /** What goes along to another page. */
  onward(path: string): string {
    return path === this.path ? this.search : carried(this.search)
  }

  go(path: string, search = this.onward(path)): void {
    if (path === this.path && search === this.search) return
    history.pushState(null, '', (path || '.') + search)
    if (path !== this.path) scrollTo(0, 0)
    this.path = path
    this.search = search
  }

  /** The same page, asked something else; going back in the browser undoes it. */
  change(change: (params: URLSearchParams) => void): void {
    this.go(this.path, changedSearch(this.search, change))
  }

  /** The same without a step to go back to, for what follows the eye: a row that is looked at. */
  replace(change: (params: URLSearchParams) => void): void {
    this.search = changedSearch(this.search, change)
    history.replaceState(null, '', (this.path || '.') + this.search)
  }

  #read(): void {
    this.path = relativePath(location.href, document.baseURI)
    this.search = location.search
  }
}

export const router = new Router()
