import type { MessageKey } from '$lib/i18n/messages'

/** One thing the palette can do. */
export interface Command {
  id: string
  group: MessageKey
  text: string
  note?: string
  run: () => void
}

const MOST = 40

/** Commands that hold every word that was typed, in their own order. */
export function matching(commands: readonly Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  const holds = (command: Command) => {
    const text = `${command.text} ${command.note ?? ''}`.toLowerCase()
    return words.every((word) => text.includes(word))
  }
  return commands.filter(holds).slice(0, MOST)
}
