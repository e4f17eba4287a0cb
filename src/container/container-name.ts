import { randomInt } from 'node:crypto'
import { TsbuildError } from '../base/errors.ts'

const adjectives =
  `able agile amber ample azure bold brave breezy bright brisk calm candid clear clever cosmic cosy crisp curious dapper
  daring deft eager early earnest easy fair fancy fast fine fleet fluent fond frank free fresh gentle gifted glad golden grand happy hardy
  honest humble ideal jolly keen kind lasting light lively loyal lucid lucky mellow merry mild modest neat nimble noble open patient placid
  plain polite proud quick quiet rapid ready regal robust rosy serene sharp silent silver simple smart smooth snug solid spry stable steady
  sunny swift tender tidy true upbeat vivid warm wise witty zesty`.split(/\s+/)

const nouns =
  `acorn anchor apple arbor aspen atlas badger bamboo basin beacon beaver birch bison breeze bridge brook canyon cedar cello
  cherry cliff clover comet coral crane creek crest dahlia delta dolphin dune eagle ember falcon fern finch fjord flint forest fox galaxy
  garnet geyser glacier grove harbor hazel heron hill island ivory jasper juniper kestrel lagoon lantern lark laurel lemon lilac lotus lynx
  maple marble meadow mesa meteor mint moss nebula nectar oak ocean olive orbit orchid otter owl panda pearl pebble pine planet plum pond
  poplar prairie quartz quill raven reef ridge river robin rowan saffron sage seal shell sierra sparrow spruce stone stream summit swan
  thistle tiger topaz tulip valley violet walnut willow wolf wren zephyr`.split(/\s+/)

/** A name such as `brave_otter`; from the third attempt on with a digit, so that a crowded store still finds a free one. */
export function randomName(attempt: number, random: (below: number) => number = randomInt): string {
  const name = `${adjectives[random(adjectives.length)]}_${nouns[random(nouns.length)]}`
  return attempt < 2 ? name : `${name}${random(10 ** Math.min(attempt - 1, 9))}`
}

/** docker's grammar of names; a leading slash, as its API shows names, is dropped. USAGE otherwise. */
export function checkName(text: string): string {
  const name = text.replace(/^\//, '')
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return name
  throw new TsbuildError('USAGE', `Invalid container name (${text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`, {
    hint: 'A name has at least two characters and starts with a letter or digit',
  })
}
