export const SORT_COLUMNS = ['time', 'status', 'tokens', 'cost'] as const
export type SortColumn = (typeof SORT_COLUMNS)[number]

export interface Sort {
  column: SortColumn
  down: boolean
}

export const NEWEST_FIRST: Sort = { column: 'time', down: true }

/** "-cost", "time"; nonsense is newest first. */
export function parseSort(text: string | null): Sort {
  const down = text?.startsWith('-') ?? true
  const column = SORT_COLUMNS.find((each) => each === text?.replace(/^-/, ''))
  return column ? { column, down } : NEWEST_FIRST
}

export function sortText({ column, down }: Sort): string {
  return `${down ? '-' : ''}${column}`
}

/** What a press on a column's head asks for: the largest first, then the other way round. */
export function pressed(now: Sort, column: SortColumn): Sort {
  return { column, down: now.column === column ? !now.down : true }
}
