# shellcheck shell=bash
# What the scripts share: messages, the number of parallel jobs, configuring and building one preset.
# Not to be run by itself.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '==> %s\n' "$*"; }

# die MESSAGE FIX: what went wrong, and what to do about it.
die() {
  printf 'error: %s\n' "$1" >&2
  printf '  fix: %s\n' "$2" >&2
  exit 1
}

# A translation unit with Boost in it takes up to 1 GB: more cores than memory must not end in the kernel's OOM killer.
job_count() {
  local cores memory
  if [[ -n ${TIDEOVER_JOBS:-} ]]; then
    printf '%s\n' "$TIDEOVER_JOBS"
    return
  fi
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo)
  if ((memory < 1)); then memory=1; fi
  printf '%s\n' "$((cores < memory ? cores : memory))"
}

# configure PRESET [OPTION…]: warnings are errors only where TIDEOVER_WERROR=ON says so (CI does), because a newer compiler than
# the one we test with may know new warnings, and that should stop nobody from running the program.
configure() {
  local preset=$1 log
  shift
  if command -v ccache >/dev/null 2>&1; then
    export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER:-ccache}
  fi
  say "configuring preset $preset"
  mkdir -p "$root/build/$preset"
  log=$root/build/$preset/configure.log
  if ! (cd "$root" && cmake --preset "$preset" "-DTIDEOVER_WERROR=${TIDEOVER_WERROR:-OFF}" "$@") >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "cmake could not configure preset $preset (whole log: build/$preset/configure.log)" \
      "run scripts/setup; if the build folder is from another machine or compiler, delete build/$preset"
  fi
}

# build PRESET [TARGET…]
build() {
  local preset=$1 count
  shift
  count=$(job_count)
  say "building ${*:-everything} with $count jobs"
  (cd "$root" && cmake --build "build/$preset" --parallel "$count" ${1:+--target "$@"}) ||
    die "the build of preset $preset failed" \
      "see the first error above; on a machine with little memory try TIDEOVER_JOBS=1 $0"
}
