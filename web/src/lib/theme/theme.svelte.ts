export const THEMES = ['system', 'light', 'dark'] as const
export type ThemeChoice = (typeof THEMES)[number]
export type Shade = 'light' | 'dark'

const STORED = 'ccledger.theme'

/** The reader's choice and what it comes to; /theme.js does the same before the first paint. */
class Theme {
  choice = $state<ThemeChoice>('system')
  #systemDark = $state(false)
  readonly shade: Shade = $derived(
    this.choice === 'system' ? (this.#systemDark ? 'dark' : 'light') : this.choice,
  )

  /** Follows the system until the returned function is called. */
  follow(): () => void {
    const stored = localStorage.getItem(STORED)
    this.choice = THEMES.find((theme) => theme === stored) ?? 'system'
    const system = matchMedia('(prefers-color-scheme: dark)')
    const update = () => {
      this.#systemDark = system.matches
      this.#apply()
    }
    update()
    system.addEventListener('change', update)
    return () => {
      system.removeEventListener('change', update)
    }
  }

  next(): void {
    this.choose(THEMES[(THEMES.indexOf(this.choice) + 1) % THEMES.length] ?? 'system')
  }

  choose(choice: ThemeChoice): void {
    this.choice = choice
    localStorage.setItem(STORED, this.choice)
    this.#apply()
  }

  /** At once and not in an effect: charts read the colours of the page while effects run. */
  #apply(): void {
    document.documentElement.dataset['theme'] = this.shade
  }
}

export const theme = new Theme()
