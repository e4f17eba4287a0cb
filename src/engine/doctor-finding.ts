/** One thing that was looked at. `broken`: builds or containers do not work without it; `limited`: something does not. */
export interface Finding {
  readonly name: string
  readonly state: 'good' | 'limited' | 'broken'
  readonly detail: string
  /** The command or setting that mends it. */
  readonly advice?: string
}
