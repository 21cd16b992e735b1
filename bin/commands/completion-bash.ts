/** Completion for bash (4 and later, and the 3.2 of macOS), made of the table behind `--help`. Pure. */
import type { TableCommand } from './command-table.ts';
import { questionFunctions, quote } from './completion-tables.ts';

export function bashCompletion(table: TableCommand): string {
  return `# Completion of wren for bash. Made by: wren completion bash
# To have it in every shell: wren completion bash > ~/.local/share/bash-completion/completions/wren
${questionFunctions(table, quote)}
_wren_offer() {
  local IFS=$'\\n'
  COMPREPLY=( $(compgen -W "$1" -- "$2") )
}
_wren_wanted() {
  local kind=$1 cur=$2 line
  case "$kind" in
    names) _wren_offer "$("\${COMP_WORDS[0]}" \${profile:+--profile "$profile"} completion --names 2>/dev/null)" "$cur" ;;
    files|folders)
      type compopt >/dev/null 2>&1 && compopt -o filenames 2>/dev/null
      COMPREPLY=()
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
        if [ "$kind" = folders ]; then compgen -d -- "$cur"; else compgen -f -- "$cur"; fi) ;;
    words\\ *) _wren_offer "$(printf '%s\\n' \${kind#words })" "$cur" ;;
  esac
}
_wren() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' at=0 pending='' only='' profile='' word i
  COMPREPLY=()
  for (( i = 1; i < COMP_CWORD; i++ )); do
    word=\${COMP_WORDS[i]}
    [ "$word" = = ] && continue
    if [ -n "$pending" ]; then
      [ "$pending" = --profile ] && profile=$word
      pending=''
      continue
    fi
    case "$word" in
      --) only=1 ;;
      -*) [ -z "$only" ] && [ -n "$(_wren_value "$path $word")" ] && pending=$word ;;
      *)
        if [ $at = 0 ] && _wren_words "$path" | grep -qxF -e "$word"; then path="\${path:+$path }$word"
        else at=$((at + 1)); fi ;;
    esac
  done
  if [ -n "$pending" ]; then
    [ "$cur" = = ] && cur=''
    _wren_wanted "$(_wren_value "$path $pending")" "$cur"
  elif [ -z "$only" ] && [ "\${cur#-}" != "$cur" ]; then
    _wren_offer "$(_wren_flags "$path")" "$cur"
  else
    local -a found=()
    if [ $at = 0 ]; then _wren_offer "$(_wren_words "$path")" "$cur"; found=("\${COMPREPLY[@]}"); COMPREPLY=(); fi
    _wren_wanted "$(_wren_argument "$path $at")" "$cur"
    COMPREPLY=("\${found[@]}" "\${COMPREPLY[@]}")
  fi
}
complete -F _wren wren
`;
}
