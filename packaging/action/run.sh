#!/usr/bin/env bash
# Step "Run mcpdiag" of action.yml. Annotations go to standard output, the
# summary of the step is written by mcpdiag itself, and the exit code is its own.
set -uo pipefail

mcpdiag=$MCPDIAG_ACTION_BINARY
report=${MCPDIAG_ACTION_REPORT:-mcpdiag-report}
server=${MCPDIAG_ACTION_SERVER:-}
url=${MCPDIAG_ACTION_URL:-}
stdio=false
[ "${MCPDIAG_ACTION_TRANSPORT:-http}" = stdio ] && stdio=true
mkdir -p "$report"

fail() {
  echo "::error title=mcpdiag action::$1"
  echo "exit-code=2" >>"$GITHUB_OUTPUT"
  exit 2
}

# The words of the flags: quotes group words, and nothing is expanded or run.
args=()
while IFS= read -r -d '' word; do args+=("$word"); done < <(printf '%s' "${MCPDIAG_ACTION_ARGS:-}" | xargs printf '%s\0')
[ ${#args[@]} = 1 ] && [ -z "${args[0]}" ] && args=()

# start starts the server in the background and waits until it answers.
pid=
start() {
  local port
  # A port where nobody listens, below those of outgoing connections.
  while port=$((20000 + RANDOM % 10000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  [ -n "$url" ] || url=http://127.0.0.1:$port/mcp
  url=${url//\{port\}/$port}
  bash -c "${server//\{port\}/$port}" >"$report/server.log" 2>&1 &
  pid=$!
  local deadline=$((SECONDS + ${MCPDIAG_ACTION_READY:-60}))
  until curl --silent --output /dev/null --max-time 2 "$url"; do
    if ! kill -0 $pid 2>/dev/null || [ $SECONDS -ge $deadline ]; then
      tail -n 20 "$report/server.log"
      fail "the server does not answer at $url; its output is in $report/server.log"
    fi
    sleep 0.1
  done
}
trap '[ -z "$pid" ] || { pkill -P "$pid" 2>/dev/null; kill "$pid" 2>/dev/null; }' EXIT

command=(-q "$MCPDIAG_ACTION_COMMAND" --format github)
case $MCPDIAG_ACTION_COMMAND in
  leaktest)
    [ -n "$server" ] || fail 'leaktest starts the server: give its command as server'
    command=(leaktest --format github -o "$report")
    [ -n "$url" ] && command+=(--url "$url")
    $stdio && command+=(--transport stdio)
    command+=(${args[@]+"${args[@]}"} -- bash -c "$server")
    ;;
  loadtest | doctor)
    [ "$MCPDIAG_ACTION_COMMAND" = loadtest ] && command+=(--log "$report/calls.csv")
    [ "$MCPDIAG_ACTION_COMMAND" = doctor ] && command+=(--save "$report/facts.json")
    if $stdio; then
      [ -n "$server" ] || fail 'with transport stdio the command of the server is needed: give it as server'
      command+=(${args[@]+"${args[@]}"} -- bash -c "$server")
    else
      [ -z "$server" ] || start
      [ -n "$url" ] || fail 'give the address of the server as url, or its command as server'
      command+=("$url" ${args[@]+"${args[@]}"})
    fi
    ;;
  *) fail "the command is leaktest, loadtest or doctor, not \"$MCPDIAG_ACTION_COMMAND\"" ;;
esac

# The annotations are also the report of the commands that write no page.
"$mcpdiag" "${command[@]}" | tee "$report/annotations.txt"
code=${PIPESTATUS[0]}
{
  echo "exit-code=$code"
  echo "report=$report"
} >>"$GITHUB_OUTPUT"
exit "$code"
