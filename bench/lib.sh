# shellcheck shell=bash
# Starting and stopping the programs of the benchmark. Everything it starts is stopped by its own process id.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

here=$root/bench
build_dir=$root/build/release
work=
tideover=
with_tls=no
bufsize=16384
cloud_port=
local_port=
failovers=0
declare -A pid_of=() port_of=()

proxy_cpu=0
load_cpu=1

begin_work() {
  work=$(mktemp -d)
  trap end_work EXIT
  trap 'exit 130' INT TERM
}

end_work() {
  stop_all
  rm -rf "$work"
}

stop_one() {
  local pid=${pid_of[$1]:-}
  if [[ -z $pid ]]; then return 0; fi
  unset "pid_of[$1]"
  kill -TERM "$pid" 2>/dev/null || return 0
  local try
  for ((try = 0; try < 200; try++)); do
    if ! kill -0 "$pid" 2>/dev/null; then break; fi
    sleep 0.05
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

stop_proxies() {
  local name
  for name in "${!pid_of[@]}"; do
    if [[ $name != backend ]]; then stop_one "$name"; fi
  done
}

stop_all() {
  stop_proxies
  stop_one backend
}

# The process and its children: nginx does its work in one.
pids_of() {
  local pid=${pid_of[$1]} children
  read -ra children <"/proc/$pid/task/$pid/children" || true
  (
    IFS=,
    printf '%s\n' "$pid${children[*]:+,${children[*]}}"
  )
}

on_load_cpu() { taskset -c "$load_cpu" "$@"; }

wait_for_file() {
  local try
  for ((try = 0; try < 400; try++)); do
    if [[ -s $1 ]]; then return 0; fi
    sleep 0.025
  done
  return 1
}

start_backend() {
  local options=()
  if [[ $with_tls == yes ]]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
      -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
    options=(--certificate "$work/cert.pem" --key "$work/key.pem")
  fi
  taskset -c "$load_cpu" "$build_dir/bench/bench_backend" --ready-file "$work/backend.ports" \
    --stats-file "$work/backend.stats" "${options[@]}" &
  pid_of[backend]=$!
  wait_for_file "$work/backend.ports" || die "the backend did not start" "see the message above"
  cloud_port=$(sed -n 's/^cloud=//p' "$work/backend.ports")
  local_port=$(sed -n 's/^local=//p' "$work/backend.ports")
}

# fill TEMPLATE TLS-SETTINGS: the template with this run's ports and folder.
fill() {
  local scheme=http
  if [[ $with_tls == yes ]]; then scheme=https; fi
  sed -e "s|@DIR@|$work|g; s|@PORT@|${port:-0}|g; s|@CLOUD_PORT@|$cloud_port|g; s|@LOCAL_PORT@|$local_port|g" \
    -e "s|@BUFSIZE@|$bufsize|g; s|@SCHEME@|$scheme|g; s|@USER@|$(id -un)|g; s|@TLS@|$2|g" "$here/$1"
}

# start_proxy NAME [COMMAND…]: starts it, under COMMAND if there is one, and waits until it answers.
start_proxy() {
  local name=$1 port tls='' try
  shift
  case $name in
    nginx)
      if [[ $with_tls == yes ]]; then
        tls="proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_trusted_certificate $work/cert.pem; proxy_ssl_session_reuse on;"
      fi
      port=$("$build_dir/bench/bench_load" --free-port 1)
      fill nginx.conf.in "$tls" >"$work/nginx.conf"
      taskset -c "$proxy_cpu" "$@" "$(command -v nginx)" -p "$work" -c "$work/nginx.conf" -e "$work/nginx.error.log" 2>"$work/nginx.log" &
      ;;
    haproxy)
      if [[ $with_tls == yes ]]; then tls="ssl verify required ca-file $work/cert.pem sni str(localhost) verifyhost localhost"; fi
      port=$("$build_dir/bench/bench_load" --free-port 1)
      fill haproxy.cfg.in "$tls" >"$work/haproxy.cfg"
      taskset -c "$proxy_cpu" "$@" "$(command -v haproxy)" -db -f "$work/haproxy.cfg" >"$work/haproxy.access.log" 2>"$work/haproxy.log" &
      ;;
    tideover)
      if [[ $with_tls == yes ]]; then tls="tls: {ca_file: $work/cert.pem, server_name: localhost}"; fi
      fill tideover.yaml.in "$tls" >"$work/tideover.yaml"
      rm -f "$work/tideover.ready"
      taskset -c "$proxy_cpu" "$@" "$tideover" run --config "$work/tideover.yaml" --ready-file "$work/tideover.ready" --workers 1 \
        >"$work/tideover.out" 2>"$work/tideover.log" &
      ;;
    *) die "unknown proxy $name" "one of nginx, haproxy, tideover" ;;
  esac
  pid_of[$name]=$!
  if [[ $name == tideover ]]; then
    for ((try = 0; try < 4000; try++)); do
      if [[ -s $work/tideover.ready ]] || ! kill -0 "${pid_of[$name]}" 2>/dev/null; then break; fi
      sleep 0.005
    done
    port=$(sed -nE 's/.*"proxy":\["127\.0\.0\.1:([0-9]+)".*/\1/p' "$work/tideover.ready" 2>/dev/null || true)
    [[ -n $port ]] || {
      tail -n 20 "$work/tideover.log" >&2
      die "tideover did not start" "see its messages above"
    }
  fi
  port_of[$name]=$port
  for ((try = 0; try < 4000; try++)); do
    if on_load_cpu "$build_dir/bench/bench_load" --port "$port" --connections 1 --requests 1 >/dev/null 2>&1; then return 0; fi
    kill -0 "${pid_of[$name]}" 2>/dev/null || break
    sleep 0.005
  done
  cat "$work/$name.log" >&2
  die "$name did not answer" "see its messages above"
}

# A request that the cloud answers with 503 must come back as 200 from the local server: else the comparison is void.
check_failover() {
  local name
  for name in "$@"; do
    on_load_cpu "$build_dir/bench/bench_load" --port "${port_of[$name]}" --connections 1 --requests 3 --model bench-fail \
      >/dev/null || die "$name does not fail over" "compare its configuration in bench/ with its version"
    failovers=$((failovers + 3))
  done
}

need_commands() {
  local command missing=()
  for command in "$@"; do
    command -v "$command" >/dev/null 2>&1 || missing+=("$command")
  done
  if ((${#missing[@]} > 0)); then die "missing: ${missing[*]}" "bench/run --install, or scripts/setup --dev"; fi
  [[ $(nproc) -ge 2 ]] || die "two CPU cores are needed, one for the proxy and one for the load" "use a machine with two"
}
