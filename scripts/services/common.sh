# Sourced by the scripts beside it: what starting a real server for a test takes. Not run by itself.
# Each caller sets `name` (for messages) before sourcing.

# Where what is downloaded is kept, so that a second start needs no network. Under the build's folder: never committed.
cache="${CARGO_TARGET_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/target}/services"

die() {
    printf '%s: %s\n' "$name" "$1" >&2
    exit "${2:-1}"
}

# Prints KEY=VALUE as a shell reads it, quoted only where a shell asks for it, so that other programs can read it, too.
line() {
    if [[ "$2" =~ ^[A-Za-z0-9_./:@,=%+-]+$ ]]; then printf '%s=%s\n' "$1" "$2"; else printf '%s=%q\n' "$1" "$2"; fi
}

# A port of loopback that nothing listens on. Below the range from which systems take ports for outgoing connections
# (32768 on), or a client's connection could take it between this check and the server's start.
free_port() {
    local port tries
    for tries in $(seq 100); do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s\n' "$port"
            return
        fi
    done
    die "no free port between 20000 and 31999 after $tries tries: stop what listens there"
}

# Whether the process of a pid file runs and is ours: a pid may have been given to another process since.
alive() {
    local pid_file=$1 mark=$2 pid
    pid=$(cat "$pid_file" 2>/dev/null) || return 1
    [[ "$(ps -ww -o stat=,args= -p "$pid" 2>/dev/null)" == [^Z]*"$mark"* ]]
}

# Whether the process that this script has just started still runs. By its pid alone: it may not be the server yet, but a
# copy of this shell that the machine has given no turn.
runs() { [[ "$(ps -o stat= -p "$(cat "$1")" 2>/dev/null)" == [^Z]* ]]; }

# Sends a signal to the process of a pid file, if it is ours.
signal() {
    local signal=$1 pid_file=$2 mark=$3
    alive "$pid_file" "$mark" && kill "-$signal" "$(cat "$pid_file")"
}

# Runs a command in the background, in a session of its own: a Ctrl-C for the test's shell must not reach the server
# before the test is through. Its output is appended to a log, its pid written to a file.
detached() {
    local pid_file=$1 log=$2
    shift 2
    "$(command -v setsid || command -v nohup)" "$@" </dev/null >>"$log" 2>&1 &
    printf '%s\n' "$!" >"$pid_file"
}

# Waits until the process of a pid file is gone; false after as many seconds.
gone() {
    local pid_file=$1 mark=$2 seconds=$3 waited
    for ((waited = 0; waited < seconds * 10; waited++)); do
        alive "$pid_file" "$mark" || return 0
        sleep 0.1
    done
    return 1
}

# SIGTERM, and SIGKILL if that isn't heeded in 30 s: a test must leave nothing behind.
stop_process() {
    local pid_file=$1 mark=$2
    signal TERM "$pid_file" "$mark" || return 0
    # One that is paused hears nothing else.
    signal CONT "$pid_file" "$mark" || return 0
    gone "$pid_file" "$mark" 30 || { signal KILL "$pid_file" "$mark" && gone "$pid_file" "$mark" 5; }
}
