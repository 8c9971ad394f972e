const FIRST_MS = 1000
const LONGEST_MS = 30_000

/** Doubles from 1 s to 30 s; the jitter keeps many pages from knocking in step. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt)
  return Math.max(FIRST_MS, Math.round(ceiling * (0.5 + random() / 2)))
}
