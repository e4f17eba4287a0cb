/**
 * What every test file finds alike, whoever runs it and where: the usual umask, and no variable by which a user or a pipeline tells tsbuild, docker, git
 * or a cloud's library something. Variables of the tests themselves stay.
 */
const own = /^TSBUILD_(CORE|BUSYBOX|TEST_\w+)$/
const telling =
  /^(TSBUILD|DOCKER|BUILDKIT|BUILDX|CONTAINERS?|REGISTRY|XDG|AWS|GOOGLE|AZURE|GIT|SSH|NOTIFY|LISTEN|DBUS)_|^(HTTPS?|FTP|ALL|NO)_PROXY$|^(SOURCE_DATE_EPOCH|NO_COLOR|FORCE_COLOR|CLICOLOR\w*|CI|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|COLUMNS|LINES)$/i

process.umask(0o022)
for (const name of Object.keys(process.env)) if (telling.test(name) && !own.test(name)) delete process.env[name]
