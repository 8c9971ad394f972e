export const UNITS = ['auto', 'western', 'chinese'] as const
export type UnitsChoice = (typeof UNITS)[number]

const STORED = 'ccledger.units'

/** How large counts are shortened: as the language does, K/M/B, or 万/亿. */
class Units {
  choice = $state<UnitsChoice>(
    UNITS.find((each) => each === localStorage.getItem(STORED)) ?? 'auto',
  )

  choose(choice: UnitsChoice): void {
    this.choice = choice
    localStorage.setItem(STORED, choice)
  }
}

export const units = new Units()
