/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function pick<T>(random: () => number, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T
}

/** Random bytes, half of them ASCII. */
export function randomBytes(random: () => number, most: number): Uint8Array {
  return Uint8Array.from({ length: Math.floor(random() * most) }, () =>
    Math.floor(random() * (random() < 0.5 ? 128 : 256)),
  )
}

const keywords =
  'FROM RUN COPY ADD ENV ARG LABEL CMD ENTRYPOINT ONBUILD HEALTHCHECK SHELL VOLUME USER EXPOSE STOPSIGNAL WORKDIR MAINTAINER from As'
const words =
  'scratch alpine a b=c -- --from=x --mount=type=bind,target=/x --mount=from=$x --link --link=maybe --platform=x --chown=1 --exclude=a ' +
  '--interval=3s --retries=-1 --network=none --security=insecure --device=a,b=c NONE CMD 80/TCP 1:2:3 99999 SIGTERM https://a/b.git?x=y'
const signs = ['"', "'", '\\', '`', '#', '# c', '$x', '${x:-y}', '${x:?}', '${x#*}', '${x//a/b}', '${', '}', '=']
const others = [
  'é',
  '🐳',
  '\uFEFF',
  '\u00a0',
  '\u0085',
  '\0',
  '[',
  ']',
  '["a"]',
  '["a", "b"]',
  '[1]',
  '[]',
  '["a"] # c',
  '["\\ud800"]',
]
const lineEnds = ['\n', '\n', '\n', '\r\n', '\r', '\t', '\v', '\\\n', '\\ \n', '`\n', '#\n', '\n\n']
const heredocs = ['<<EOF', '<<-EOF', '<<"EOF"', '3<<X', '<<', '<<<', 'EOF', '\nEOF\n', '\n\tEOF\n', 'X']
const heads = [
  '# escape=`\n',
  '# escape=\\\n',
  '# syntax=docker/dockerfile:1\n',
  '# syntax=other\n',
  '# check=skip=all;error=true\n',
  '#!/bin/x\n',
  '// syntax=x\n',
]
const pieces = [keywords.split(' '), words.split(' '), signs, others, lineEnds, heredocs, heads].flat()

/** A text made of what Dockerfiles are made of, mostly in the wrong order. */
export function randomDockerfile(random: () => number): string {
  let text = random() < 0.7 ? 'FROM alpine\n' : ''
  const length = Math.floor(random() * 24)
  for (let index = 0; index < length; index++) text += pick(random, pieces) + (random() < 0.6 ? ' ' : '')
  return text
}
