import type { BuildRecord } from '../../build/explain/build-records.ts'
import { explanationText } from '../../build/explain/explanation.ts'

/** One line for each step that ran, with the reason. */
export function explainText({ steps }: BuildRecord): string {
  const ran = steps.filter(({ explanation }) => explanation !== undefined)
  const cached = steps.filter(({ state }) => state === 'cached').length
  const lines = ran.map(
    ({ name, explanation }) =>
      `${name}\n    ran because ${explanation === undefined ? '' : explanationText(explanation)}`,
  )
  const summary = ran.length === 0 ? 'No step had to run' : `${ran.length} ran`
  return [...lines, `${summary}, ${cached} came from the cache`].map((line) => `${line}\n`).join('')
}
