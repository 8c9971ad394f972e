/** What a key, or two in a row, does: "x", "g u", "Mod+k" (Ctrl, on a Mac Cmd). */
export type Shortcuts = Record<string, () => void>

const PATIENCE_MS = 1200
const TYPED_INTO =
  'textarea, select, [contenteditable=true], input:not([type=radio], [type=checkbox], [type=range])'

/** Reads keys as shortcuts; while somebody types or a dialog is open, keys mean what they always do. */
export class KeyReader {
  readonly #shortcuts: () => Shortcuts
  #first = ''
  #firstAt = 0

  constructor(shortcuts: () => Shortcuts) {
    this.#shortcuts = shortcuts
  }

  read = (event: KeyboardEvent): void => {
    const run = this.#meaning(event)
    if (!run) return
    event.preventDefault()
    run()
  }

  #meaning(event: KeyboardEvent): (() => void) | undefined {
    if (event.defaultPrevented || event.isComposing) return undefined
    const shortcuts = this.#shortcuts()
    const modified = event.ctrlKey || event.metaKey
    if (document.querySelector('dialog[open]')) return undefined
    if (modified) return shortcuts[`Mod+${event.key.toLowerCase()}`]
    if (event.altKey || isTyping(event.target)) return undefined
    const sequence = this.#sequence(event)
    this.#first = event.key
    this.#firstAt = event.timeStamp
    return shortcuts[sequence] ?? shortcuts[event.key]
  }

  #sequence(event: KeyboardEvent): string {
    const recent = event.timeStamp - this.#firstAt < PATIENCE_MS
    return recent ? `${this.#first} ${event.key}` : event.key
  }
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches(TYPED_INTO)
}
