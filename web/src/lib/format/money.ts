const NANO_PER_DOLLAR = 1_000_000_000n
const NANO_DIGITS = 9
const MINUS = '\u2212'

/** An amount as the API gives it: integer nano-USD as a decimal string, null when unpriced. */
export type Nano = string | null

export function parseNano(nano: Nano | undefined): bigint | null {
  return nano === null || nano === undefined ? null : BigInt(nano)
}

/** Sums what is known; a part without a price counts for nothing. */
export function sumNano(parts: (Nano | undefined)[]): bigint {
  return parts.reduce((sum, part) => sum + (parseNano(part) ?? 0n), 0n)
}

/** "$41.87", "$0.094", "$0.0042"; zero is a dash and nothing is ever rounded to $0.00. */
export function money(nano: bigint): string {
  if (nano === 0n) return '–'
  return (nano < 0n ? MINUS : '') + dollars(nano < 0n ? -nano : nano)
}

/** The change itself, always signed: "+$4.20". */
export function signedMoney(nano: bigint): string {
  return nano > 0n ? `+${money(nano)}` : money(nano)
}

/** Every digit the ledger has, for tooltips and copying. */
export function exactMoney(nano: bigint): string {
  const magnitude = nano < 0n ? -nano : nano
  const trimmed = decimal(magnitude, NANO_DIGITS).replace(/0{1,7}$/, '')
  return `${nano < 0n ? MINUS : ''}$${trimmed}`
}

/** Dollars as a float, for pixels only: sums stay in integers. */
export function dollarsForPlot(nano: bigint): number {
  return Number(nano) / Number(NANO_PER_DOLLAR)
}

/** The change in whole percent, or null where there is no base to compare with. */
export function percentChange(now: bigint, base: bigint): number | null {
  if (base <= 0n) return null
  return Number(divideHalfAway((now - base) * 100n, base))
}

function dollars(nano: bigint): string {
  return `$${decimal(nano, digitsFor(nano))}`
}

/** The limits sit half a step lower than the scale, because rounding lifts $0.9996 to $1.00. */
function digitsFor(nano: bigint): number {
  if (nano >= 999_500_000n) return 2
  if (nano >= 9_950_000n) return 3
  const digits = Math.min(NANO_DIGITS, NANO_DIGITS - nano.toString().length + 2)
  return rounded(nano, digits) >= 100n ? digits - 1 : digits
}

function decimal(nano: bigint, digits: number): string {
  const text = rounded(nano, digits)
    .toString()
    .padStart(digits + 1, '0')
  const whole = text.slice(0, -digits).replace(/\B(?=(\d{3})+$)/g, ',')
  return `${whole}.${text.slice(-digits)}`
}

function rounded(nano: bigint, digits: number): bigint {
  return divideHalfAway(nano, 10n ** BigInt(NANO_DIGITS - digits))
}

function divideHalfAway(value: bigint, by: bigint): bigint {
  const magnitude = value < 0n ? -value : value
  const quotient = (magnitude * 2n + by) / (by * 2n)
  return value < 0n ? -quotient : quotient
}
