export type Found = { kind: 'call' | 'session'; id: string }

const CALL = /^\d{6,20}$/
const SESSION = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** What somebody pasted: a call's number, a link to a call, or a session's id; null: neither. */
export function findable(text: string): Found | null {
  const typed = text.trim()
  const linked = /[?&]r=(\d+)/.exec(typed)?.[1] ?? typed
  if (CALL.test(linked)) return { kind: 'call', id: linked }
  return SESSION.test(typed) ? { kind: 'session', id: typed.toLowerCase() } : null
}
