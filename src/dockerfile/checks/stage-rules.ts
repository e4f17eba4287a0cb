import { evaluateGlobals } from '../analyze/arguments.ts'
import { expandWord } from '../expand/expand.ts'
import { didYouMean } from '../nearest.ts'
import { parseImageName } from '../values/image-name.ts'
import type { PlatformName } from '../values/platform-name.ts'
import { formatPlatformName, parsePlatformName } from '../values/platform-name.ts'
import type { CheckInput, CheckRule, Finding } from './rule.ts'
import { ruleUrl } from './rule.ts'

const reservedNames: ReadonlySet<string> = new Set(['context', 'scratch'])

/** Checks of FROM and stage names. */
export const stageRules: readonly CheckRule[] = [
  {
    name: 'StageNameCasing',
    description: 'Stage names should be lowercase',
    url: ruleUrl('stage-name-casing'),
    *find({ parsed }) {
      for (const { from } of parsed.stages) {
        if (from.as === undefined || from.as.word.text === from.as.name) continue
        const { text, range } = from.as.word
        yield {
          message: `Stage name '${text}' should be lowercase`,
          range,
          hint: `Write "${from.as.name}"; a FROM does not find it by "${text}"`,
          comments: from.comments,
        }
      }
    },
  },
  {
    name: 'FromAsCasing',
    description: "The 'as' keyword should match the case of the 'from' keyword",
    url: ruleUrl('from-as-casing'),
    *find({ parsed }) {
      for (const { from } of parsed.stages) {
        const keyword = from.keyword.text
        const lower = keyword === keyword.toLowerCase()
        if (from.as === undefined || (!lower && keyword !== keyword.toUpperCase())) continue
        const { text, range } = from.as.keyword
        const wanted = lower ? text.toLowerCase() : text.toUpperCase()
        if (text !== wanted)
          yield {
            message: `'${text}' and '${keyword}' keywords' casing do not match`,
            range,
            hint: `Write "${wanted}"`,
            comments: from.comments,
          }
      }
    },
  },
  {
    name: 'DuplicateStageName',
    description: 'Stage names should be unique',
    url: ruleUrl('duplicate-stage-name'),
    *find({ parsed }) {
      const first = new Map<string, CheckInput['parsed']['stages'][number]>()
      for (const stage of parsed.stages) {
        if (stage.name === undefined) continue
        const earlier = first.get(stage.name)
        if (earlier === undefined) first.set(stage.name, stage)
        else {
          const range = stage.from.as?.word.range ?? stage.from.range
          yield {
            message: `Duplicate stage name "${stage.name}", stage names should be unique`,
            range,
            related: [{ message: 'first used here', range: earlier.from.as?.word.range ?? earlier.from.range }],
          }
        }
      }
    },
  },
  {
    name: 'ReservedStageName',
    description: 'Reserved words should not be used as stage names',
    url: ruleUrl('reserved-stage-name'),
    *find({ parsed }) {
      for (const { name, from } of parsed.stages) {
        if (name === undefined || !reservedNames.has(name)) continue
        yield {
          message: `Stage name should not use the same name as reserved stage "${name}"`,
          range: from.as?.word.range ?? from.range,
        }
      }
    },
  },
  {
    name: 'UndefinedArgInFrom',
    description: 'FROM command must use declared ARGs',
    url: ruleUrl('undefined-arg-in-from'),
    *find({ analysis: { stages, globals } }) {
      const known = new Set([...globals.args.keys(), ...globals.variables.keys()])
      for (const { stage, image, platformText } of stages) {
        const { from } = stage
        const uses = [
          { expansion: image, range: from.image.range },
          { expansion: platformText, range: from.platform?.range ?? from.range },
        ]
        for (const { expansion, range } of uses) {
          for (const name of expansion?.unset ?? []) {
            if (known.has(name)) continue
            const hint = didYouMean(name, known) ?? `Declare it in front of the first FROM: "ARG ${name}=…"`
            yield { message: `FROM argument '${name}' is not declared`, range, hint, comments: from.comments }
          }
        }
      }
    },
  },
  {
    name: 'InvalidDefaultArgInFrom',
    description: 'Default value for global ARG results in an empty or invalid base image name',
    url: ruleUrl('invalid-default-arg-in-from'),
    *find({ parsed, options }) {
      const { buildArgs: _, ...rest } = options
      const defaults = evaluateGlobals(parsed, rest)
      if (defaults.diagnostics.length > 0) return
      for (const { from } of parsed.stages) {
        const { value, error } = expandWord(from.image.text, defaults.variables, { escape: parsed.directives.escape })
        if (error !== undefined) return
        if (!('message' in parseImageName(value))) continue
        const message = `Default value for ARG ${from.image.text} results in empty or invalid base image name`
        yield { message, range: from.image.range, hint: 'Give the ARG a default that makes a valid name' }
      }
    },
  },
  {
    name: 'RedundantTargetPlatform',
    description: 'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
    url: ruleUrl('redundant-target-platform'),
    *find({ analysis }) {
      for (const { stage, platformText } of analysis.stages) {
        const { platform, comments } = stage.from
        if (platform === undefined || platformText === undefined) continue
        const { used, unset, value } = platformText
        if (used.length !== 1 || used[0] !== 'TARGETPLATFORM' || unset.length > 0) continue
        if (value !== analysis.globals.variables.get('TARGETPLATFORM')) continue
        const message = `Setting platform to predefined ${platform.text} in FROM is redundant as this is the default behavior`
        yield { message, range: platform.range, hint: 'Remove the flag', comments }
      }
    },
  },
  {
    name: 'FromPlatformFlagConstDisallowed',
    description: 'FROM --platform flag should not use a constant value',
    url: ruleUrl('from-platform-flag-const-disallowed'),
    *find({ analysis }) {
      for (const { stage, platformText } of analysis.stages) {
        const { platform, comments } = stage.from
        if (
          platform === undefined ||
          platformText === undefined ||
          platformText.used.length + platformText.unset.length > 0
        )
          continue
        const parsed = parsePlatformName(platformText.value)
        if (
          !parsed.ok ||
          stage.name?.includes(parsed.value.os) === true ||
          stage.name?.includes(parsed.value.architecture) === true
        )
          continue
        const hint = 'Use $BUILDPLATFORM or $TARGETPLATFORM, or name the stage after the platform'
        yield {
          message: `FROM --platform flag should not use constant value "${platformText.value}"`,
          range: platform.range,
          hint,
          comments,
        }
      }
    },
  },
  {
    name: 'InvalidBaseImagePlatform',
    description: 'Base image platform does not match expected target platform',
    find: findForeignBases,
  },
]

function* findForeignBases({ analysis, options }: CheckInput): Iterable<Finding> {
  const target: PlatformName = options.targetPlatform ?? options.buildPlatform ?? { os: 'linux', architecture: 'amd64' }
  for (const { stage, base, platform = target } of analysis.stages) {
    if (base.kind !== 'image' || !analysis.reachable.has(stage.index)) continue
    const actual = options.image?.(base.name)?.platform
    if (actual === undefined || (actual.os === platform.os && actual.architecture === platform.architecture)) continue
    const message = `Base image ${base.name} was pulled with platform "${formatPlatformName(actual)}", expected "${formatPlatformName(platform)}" for current build`
    yield { message, range: stage.from.image.range, comments: stage.from.comments }
  }
}
