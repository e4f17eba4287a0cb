/** The systemd unit that starts containers at boot. `program` and `root` are absolute paths. */
export function bootUnit({
  program,
  root,
  rootless,
}: {
  readonly program: string
  readonly root: string
  readonly rootless: boolean
}): string {
  return `[Unit]
Description=Containers of tsbuild that restart with the machine
After=network-online.target local-fs.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
# The monitors are not part of the unit: a container goes on when it is stopped or updated.
KillMode=process
ExecStart=${quoted(program)} --root ${quoted(root)} system start

[Install]
WantedBy=${rootless ? 'default.target' : 'multi-user.target'}
`
}

/** systemd.syntax(7): double quotes, with backslash, quote and the signs of specifiers and variables escaped. */
function quoted(text: string): string {
  return `"${text
    .replace(/[\\"]/g, String.raw`\$&`)
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')}"`
}
