import { expect, it } from 'vitest'
import { processOutput } from '../../src/base/process-output.ts'

it('what a program says of its failure has plain lines', async () => {
  await expect(processOutput('sh', ['-c', 'printf "one\\r\\ntwo\\r\\n" >&2; exit 3'])).rejects.toMatchObject({
    code: 'PROCESS_FAILED',
    message: 'sh: one\ntwo',
  })
})
