export const FIELDS = [
  'model',
  'project',
  'session',
  'source',
  'access_token',
  'account',
  'user',
] as const
export type Field = (typeof FIELDS)[number]

/** "Only this" or "all but this"; values of one field are alternatives, fields must all hold. */
export interface Filter {
  field: Field
  value: string
  exclude: boolean
}

/** "model:claude-opus-5", "-project:/home/mira/x", "user:" for calls without one; null for what is no filter. */
export function parseFilter(text: string): Filter | null {
  const exclude = text.startsWith('-')
  const body = exclude ? text.slice(1) : text
  const colon = body.indexOf(':')
  const field = FIELDS.find((each) => each === body.slice(0, Math.max(colon, 0)))
  if (!field) return null
  return { field, value: body.slice(colon + 1), exclude }
}

export function filterText({ field, value, exclude }: Filter): string {
  return `${exclude ? '-' : ''}${field}:${value}`
}

/** Puts a filter in, or takes it out when it is there; a value is never wanted and unwanted at once. */
export function toggled(filters: readonly Filter[], filter: Filter): Filter[] {
  const others = filters.filter((each) => !sameValue(each, filter))
  const was = filters.find((each) => sameValue(each, filter))
  return was?.exclude === filter.exclude ? others : [...others, filter]
}

export function isWanted(filters: readonly Filter[], field: Field, value: string): boolean {
  return filters.some((each) => !each.exclude && each.field === field && each.value === value)
}

function sameValue(a: Filter, b: Filter): boolean {
  return a.field === b.field && a.value === b.value
}
