/** The one-time code an address carries behind its "#", where no server and no log sees it; null: none. */
export function codeIn(hash: string): string | null {
  const code = new URLSearchParams(hash.replace(/^#/, '')).get('code')
  return code && /^[\w.-]{6,}$/.test(code) ? code : null
}
