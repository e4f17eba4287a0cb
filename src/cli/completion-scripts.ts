export const shells = ['bash', 'zsh', 'fish'] as const

/**
 * A shell's side of completion: it hands the words to `tsbuild __complete`, which answers one candidate a line (`word<TAB>help`) or
 * `:file`/`:directory`, and offers them.
 */
export const completionScripts: Readonly<Record<(typeof shells)[number], string>> = {
  bash: String.raw`# bash completion of tsbuild: source <(tsbuild completion bash)
_tsbuild() {
  local line current=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  # bash splits words at = and :, the command wants them whole.
  local words=() word glue=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ $word == [=:] || -n $glue ]]; then words[\${#words[@]}-1]+=$word; else words+=("$word"); fi
    [[ $word == [=:] ]] && glue=1 || glue=
  done
  local whole=\${words[\${#words[@]}-1]}
  [[ $current == [=:] ]] && current=
  local cut=\${whole%"$current"}
  while IFS= read -r line; do
    case $line in
      :file) compopt -o default; return ;;
      :directory) compopt -o dirnames; return ;;
      *) line=\${line%%$'\t'*}; COMPREPLY+=("\${line#"$cut"}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete -- "\${words[@]}" 2>/dev/null)
}
complete -F _tsbuild tsbuild
`.replaceAll('\\$', '$'),
  zsh: String.raw`#compdef tsbuild
# zsh completion of tsbuild: source <(tsbuild completion zsh)
_tsbuild() {
  local -a items
  local line
  while IFS= read -r line; do
    case $line in
      :file) _files; return ;;
      :directory) _files -/; return ;;
      *$'\t'*) items+=("\${\${line%%$'\t'*}//:/\\:}:\${line#*$'\t'}") ;;
      *) items+=("\${line//:/\\:}") ;;
    esac
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe tsbuild items
}
compdef _tsbuild tsbuild
`.replaceAll('\\$', '$'),
  fish: String.raw`# fish completion of tsbuild: tsbuild completion fish | source
function __tsbuild_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    switch $line
      case ':file'
        __fish_complete_path (commandline -ct)
      case ':directory'
        __fish_complete_directories (commandline -ct)
      case '*'
        echo $line
    end
  end
end
complete -c tsbuild -f -a '(__tsbuild_complete)'
`,
}
