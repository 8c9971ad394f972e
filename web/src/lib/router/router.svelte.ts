import { relativePath } from './path'

/** The address within the application: "" is the start page, without slashes at either end. */
class Router {
  path = $state('')

  /** Follows the address bar until the returned function is called. */
  follow(): () => void {
    const read = () => (this.path = relativePath(location.href, document.baseURI))
    read()
    addEventListener('popstate', read)
    return () => {
      removeEventListener('popstate', read)
    }
  }

  go(path: string): void {
    if (path === this.path) return
    history.pushState(null, '', path || '.')
    this.path = path
    scrollTo(0, 0)
  }
}

export const router = new Router()
