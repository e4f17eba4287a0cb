/** Words of `--policy` and `--pull`. */
export const pullPolicies = ['always', 'missing', 'never', 'newer'] as const
