export const DENSITIES = ['comfortable', 'compact'] as const
export type Density = (typeof DENSITIES)[number]

const STORED = 'ccledger.density'

/** How high rows of tables are. */
class DensityChoice {
  choice = $state<Density>(
    DENSITIES.find((each) => each === localStorage.getItem(STORED)) ?? 'comfortable',
  )

  choose(choice: Density): void {
    this.choice = choice
    localStorage.setItem(STORED, choice)
    this.apply()
  }

  apply(): void {
    document.documentElement.dataset['density'] = this.choice
  }
}

export const density = new DensityChoice()
