/** Completion for zsh, with what each word does beside it, made of the table behind `--help`. Pure. */
import type { TableCommand } from './command-table.ts';
import { questionFunctions, quote } from './completion-tables.ts';

export function zshCompletion(table: TableCommand): string {
  /** `_describe` parts word and description at the first bare colon. */
  const described = (name: string, about: string): string => quote(`${name.replaceAll(':', '\\:')}:${about}`);
  return `#compdef wren
# Completion of wren for zsh. Made by: wren completion zsh
# To have it in every shell: wren completion zsh > a folder of $fpath, as _wren
${questionFunctions(table, described)}
_wren_wanted() {
  case "$1" in
    names) local -a names; names=(\${(f)"$("$words[1]" \${profile:+--profile} \${profile:+"$profile"} completion --names 2>/dev/null)"})
      compadd -a names ;;
    files) _files ;;
    folders) _files -/ ;;
    words\\ *) compadd -- \${=1#words } ;;
  esac
}
_wren() {
  local path_='' at=0 pending='' only='' profile='' word i
  local -a found
  for (( i = 2; i < CURRENT; i++ )); do
    word=\${(Q)words[i]}
    if [[ -n $pending ]]; then
      [[ $pending == --profile ]] && profile=$word
      pending=''
      continue
    fi
    case "$word" in
      --) only=1 ;;
      --*=*) [[ $word == --profile=* ]] && profile=\${word#*=} ;;
      -*) [[ -z $only && -n "$(_wren_value "$path_ $word")" ]] && pending=$word ;;
      *)
        found=(\${(f)"$(_wren_words "$path_")"})
        if (( at == 0 )) && (( \${found[(I)$word:*]} )); then path_="\${path_:+$path_ }$word"; else (( at++ )); fi ;;
    esac
  done
  word=$words[CURRENT]
  if [[ -n $pending ]]; then _wren_wanted "$(_wren_value "$path_ $pending")"
  elif [[ -z $only && $word == --*=* ]]; then
    pending=\${word%%=*}
    compset -P 1 '*='
    _wren_wanted "$(_wren_value "$path_ $pending")"
  elif [[ -z $only && $word == -* ]]; then
    found=(\${(f)"$(_wren_flags "$path_")"})
    _describe -o flag found
  else
    found=(\${(f)"$(_wren_words "$path_")"})
    (( at == 0 && $#found )) && _describe command found
    _wren_wanted "$(_wren_argument "$path_ $at")"
  fi
}
if [ "$funcstack[1]" = _wren ]; then _wren "$@"; else compdef _wren wren; fi
`;
}
