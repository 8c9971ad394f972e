import type { MessageKey } from '$lib/i18n/messages'
import { router } from '$lib/router/router.svelte'
import { view } from '$lib/usage/view.svelte'
import type { Shortcuts } from './shortcuts'

/** What lies over the page: the command palette, the list of keys, or nothing. */
class Overlay {
  shown = $state<'palette' | 'keys' | null>(null)
}

export const overlay = new Overlay()

/** What keys do on the page that is shown, while it is shown. */
class PageKeys {
  own = $state.raw<Shortcuts>({})

  /** Holds until the returned function is called. */
  use(keys: Shortcuts): () => void {
    this.own = keys
    return () => {
      if (this.own === keys) this.own = {}
    }
  }
}

export const pageKeys = new PageKeys()

/** Every key there is, in the order of the list that `?` shows. */
export const KEYS: readonly { keys: readonly string[]; label: MessageKey }[] = [
  { keys: ['Mod+k'], label: 'keys.palette' },
  { keys: ['g o'], label: 'keys.overview' },
  { keys: ['g u'], label: 'keys.usage' },
  { keys: ['g r'], label: 'keys.requests' },
  { keys: ['g k'], label: 'keys.keys' },
  { keys: ['g a'], label: 'keys.accounts' },
  { keys: ['g s'], label: 'keys.settings' },
  { keys: ['x'], label: 'keys.compare' },
  { keys: ['[', ']'], label: 'keys.step' },
  { keys: ['t'], label: 'keys.today' },
  { keys: ['j', 'k'], label: 'keys.rows' },
  { keys: ['Enter'], label: 'keys.open' },
  { keys: ['n'], label: 'keys.new' },
  { keys: ['/'], label: 'keys.find' },
  { keys: ['Escape'], label: 'keys.back' },
  { keys: ['Backspace'], label: 'keys.unfilter' },
  { keys: ['?'], label: 'keys.help' },
]

const ANYWHERE: Shortcuts = {
  'Mod+k': () => (overlay.shown = 'palette'),
  '?': () => (overlay.shown = 'keys'),
  'g o': () => router.go(''),
  'g u': () => router.go('usage'),
  'g r': () => router.go('requests'),
  'g k': () => router.go('keys'),
  'g a': () => router.go('accounts'),
  'g s': () => router.go('settings'),
}

const ON_USAGE: Shortcuts = {
  x: () => view.toggleCompare(),
  '[': () => view.step(-1),
  ']': () => view.step(1),
  t: () => view.choosePeriod('today'),
  Escape: () => view.zoomOut(),
  Backspace: () => view.dropLastFilter(),
}

export function shortcuts(): Shortcuts {
  const here = router.path === 'usage' ? ON_USAGE : pageKeys.own
  return { ...ANYWHERE, ...here }
}
