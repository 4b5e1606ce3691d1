// How each shell asks `tideover __complete` and takes what it says. Thin on purpose: what may come next is known to the
// program alone, so that a script never has to be made anew.
#include "tideover/app/completion.hpp"

namespace tideover::app {
namespace {

constexpr std::string_view bash = R"script(# bash completion of tideover, printed by `tideover completion bash`
_tideover() {
  local line files='' current=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      files=yes
    else
      COMPREPLY+=("${line%%$'\t'*}")
    fi
  done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ $files ]]; then
    [[ $current == '=' ]] && current=''
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do
      COMPREPLY+=("$line")
    done < <(compgen -f -- "$current")
  fi
}
complete -F _tideover tideover
)script";

constexpr std::string_view zsh = R"script(#compdef tideover
# zsh completion of tideover, printed by `tideover completion zsh`
_tideover() {
  local line word files=''
  local -a lines offered
  lines=("${(@f)$("${(Q)words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    if [[ $line == :files ]]; then
      files=yes
    else
      word=${line%%$'\t'*}
      if [[ $line == *$'\t'* ]]; then
        offered+=("${word//:/\\:}:${line#*$'\t'}")
      else
        offered+=("${word//:/\\:}")
      fi
    fi
  done
  (( $#offered )) && _describe -t values 'tideover' offered
  if [[ -n $files ]]; then
    compset -P '--*='
    _files
  fi
}
if [[ $funcstack[1] == _tideover ]]; then
  _tideover "$@"
else
  compdef _tideover tideover
fi
)script";

constexpr std::string_view fish = R"script(# fish completion of tideover, printed by `tideover completion fish`
function __tideover_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    for line in ($before[1] __complete $before[2..-1] "$current" 2>/dev/null)
        if test "$line" = ":files"
            set -l option (string match -r -- '^--[^=]*=' $current; or echo '')
            for path in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' $current))
                echo $option$path
            end
        else
            echo $line
        end
    end
end
complete -c tideover -f -a '(__tideover_complete)'
)script";

}  // namespace

std::string_view completion_script(std::string_view shell) {
  return shell == "bash" ? bash : shell == "zsh" ? zsh : shell == "fish" ? fish : std::string_view();
}

}  // namespace tideover::app
