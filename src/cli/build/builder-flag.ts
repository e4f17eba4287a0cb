import type { Flags } from '../command.ts'

/** docker's choice of a builder, which every command of buildx takes. Here there is one. */
export const builderFlag = {
  builder: { kind: 'string', value: 'NAME', hidden: true, help: 'Accepted for docker: there is one builder' },
} as const satisfies Flags
