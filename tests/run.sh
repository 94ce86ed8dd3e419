#!/usr/bin/env bash
# Every check of this repository, in one run: tests/run.sh [--long]
#
# --long runs ignored tests in release, fuzzing and campaigns at full length, and installs
# cargo-deny if it is missing.
# On Debian as root what is missing is installed with apt, and said; elsewhere it is listed, and
# the run stops. Nothing but package registries is reached. Python packages go to target/venv.
#
# What is no cargo test is a suite: a script tests/interop/NAME.sh, or run.sh in a folder below
# tests/. It gets --long if given, exits non-zero on failure, and may print lines
# `N passed, N failed`, which are added up, as cargo's are; without any it counts as one.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive GIT_TERMINAL_PROMPT=0 PIP_NO_INPUT=1
export PIP_DISABLE_PIP_VERSION_CHECK=1
[ -z "${CI:-}" ] || export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0

readonly STEP_LIMIT_SECONDS=3600
readonly LONG_STEP_LIMIT_SECONDS=43200
readonly VENV=target/venv
# Everything is built once, with both databases.
readonly WITH=(--features custos/postgres --locked)

long=()
limit=$STEP_LIMIT_SECONDS
passed=0
failed=0
failures=()
unchecked=()
job=

main() {
  for argument in "$@"; do
    case $argument in
      --long) long=(--long) limit=$LONG_STEP_LIMIT_SECONDS ;;
      *) echo "usage: tests/run.sh [--long]" >&2; exit 2 ;;
    esac
  done
  mkdir -p target
  log=$(mktemp target/run.XXXXXX)
  trap stop EXIT
  install_missing

  step "Format" component fmt --all --check
  step "Without PostgreSQL" without_postgres
  step "Clippy" component clippy --workspace --all-targets "${WITH[@]}" -- -D warnings
  step "Build the tests" cargo test --workspace --tests "${WITH[@]}" --no-run
  # The suites below use what was built just now.
  export CUSTOS_BIN=$PWD/target/debug/custos CUSTOS_VERIFY_BIN=$PWD/target/debug/custos-verify
  step "Tests" cargo test --workspace --tests "${WITH[@]}" --no-fail-fast
  # Of the library those that open rooms; the audit's own are about a file.
  step "Rooms on PostgreSQL" python3 tests/campaigns/postgres.py \
    cargo test -p custos --lib "${WITH[@]}" --no-fail-fast -- app:: db:: \
    --skip tests::flips --skip tests::objects --skip tests::published
  step "Tests on PostgreSQL" python3 tests/campaigns/postgres.py \
    cargo test -p custos --test it "${WITH[@]}" --no-fail-fast
  step "Documentation tests" cargo test --workspace --doc "${WITH[@]}" --no-fail-fast
  step "Documentation" env RUSTDOCFLAGS=-Dwarnings \
    cargo doc --workspace --no-deps "${WITH[@]}"
  fuzz_targets
  dependencies
  python_packages
  long_tests
  suites
  closing
}

# Leaves nothing running when the run is interrupted.
stop() {
  [ -z "$job" ] || kill "$job" 2>/dev/null || true
  rm -f "$log"
}

# --- what must be installed ------------------------------------------------------------------

# Prints a line `program package` for each program that is needed and missing.
missing_programs() {
  local program package needed
  while read -r program package needed; do
    if [ -e "$needed" ] && ! command -v "$program" >/dev/null; then
      echo "$program $package"
    fi
  done <<'LIST'
git git .
cc gcc .
age age tests/interop/age
strace strace tests/campaigns
faketime faketime tests/campaigns/case.py
slowhttptest slowhttptest tests/campaigns/slow.py
openssl openssl .
python3 python3 .
pg_config libpq-dev migrations/postgres
go golang-go tests/interop/go
ssh-agent openssh-client tests/interop/witness
chromium chromium tests/browser
node nodejs tests/browser
npm npm tests/browser
LIST
  # Debian's python3 makes no virtual environment without this package.
  if command -v python3 >/dev/null && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    echo "python3-venv python3-venv"
  fi
  # Debian keeps the server's programs out of the way of programs.
  if ! command -v initdb >/dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
  then
    echo "initdb postgresql"
  fi
}

install_missing() {
  if ! command -v cargo >/dev/null; then
    echo "cargo is missing; install Rust (see rust-version in Cargo.toml), for example by rustup" >&2
    exit 1
  fi
  local missing packages
  missing=$(missing_programs)
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ] || [ ! -e /etc/debian_version ]; then
    printf 'missing programs (and their Debian packages):\n%s\n' "$missing" >&2
    exit 1
  fi
  # python3 may come without venv, which can only be seen once python3 is there.
  mapfile -t packages < <(
    awk '{ print $2; if ($2 == "python3") print "python3-venv" }' <<<"$missing" | sort -u
  )
  heading "Install with apt: ${packages[*]}"
  timeout 900 apt-get update -q
  timeout 1800 apt-get install -y -q --no-install-recommends "${packages[@]}"
}

# Installs the Python packages of all suites into one virtual environment and puts it first.
python_packages() {
  local lists stamp
  mapfile -t lists < <(git -c safe.directory='*' ls-files 'tests/**/requirements.txt')
  [ ${#lists[@]} -gt 0 ] || return 0
  stamp=$(cat "${lists[@]}" <(python3 --version) | sha256sum)
  if [ "$(cat "$VENV/stamp" 2>/dev/null)" != "$stamp" ]; then
    step "Install Python packages into $VENV" make_venv "$stamp" "${lists[@]}"
  fi
  export PATH="$PWD/$VENV/bin:$PATH"
}

make_venv() {
  local stamp=$1 arguments=() list
  shift
  for list in "$@"; do arguments+=(-r "$list"); done
  rm -rf "$VENV" && python3 -m venv "$VENV" &&
    timeout 900 "$VENV/bin/pip" install -q "${arguments[@]}" &&
    echo "$stamp" >"$VENV/stamp"
}

# The default build, which links no library of a server, and has no warnings of its own.
without_postgres() {
  timeout --kill-after=10 "$limit" cargo clippy -p custos --lib --bins --locked -- -D warnings &&
    if cargo tree -p custos -e normal --locked | grep -q pq-sys; then
      echo "the default build needs libpq"
      return 1
    fi
}

# --- steps -----------------------------------------------------------------------------------

# Fuzz targets, as ordinary tests. They are a workspace of their own that shares the build.
fuzz_targets() {
  local own=(--manifest-path fuzz/Cargo.toml)
  [ -e fuzz/Cargo.toml ] || return 0
  step "Fuzz targets: format" component fmt "${own[@]}" --check
  step "Fuzz targets: clippy" env CARGO_TARGET_DIR=target \
    cargo clippy "${own[@]}" --all-targets --locked -- -D warnings
  if [ ${#long[@]} -gt 0 ]; then export BOLERO_RANDOM_ITERATIONS=1000000; fi
  step "Fuzz targets" env CARGO_TARGET_DIR=target cargo test "${own[@]}" --locked --no-fail-fast
}

# Licences, sources and forbidden crates. The advisory database is a git repository, not a
# package registry, and is not fetched.
dependencies() {
  PATH="$PWD/target/tools/bin:$PATH"
  if ! command -v cargo-deny >/dev/null && [ ${#long[@]} -gt 0 ]; then
    step "Install cargo-deny" cargo install --locked --root target/tools cargo-deny
  fi
  if command -v cargo-deny >/dev/null; then
    step "Dependencies" cargo deny --locked check bans licenses sources
    not_checked "security advisories of dependencies: their database is not in a registry"
  else
    not_checked "dependencies: cargo-deny is missing (cargo install --locked cargo-deny)"
  fi
}

# Tests that are ignored otherwise, because they take long or measure: in release.
long_tests() {
  if [ ${#long[@]} -gt 0 ]; then
    step "Long tests" env CUSTOS_PYTHON=python \
      cargo test --workspace --tests --release "${WITH[@]}" --no-fail-fast -- --ignored
    step "Speed over HTTP" python3 benches/http_speed.py
    step "Acknowledgements over HTTP" python3 benches/acknowledged.py
  fi
}

# Runs every suite there is. A folder of another language that no script names is said aloud.
suites() {
  local script folder
  for script in tests/interop/*.sh tests/interop/*/run.sh tests/{browser,campaigns}/run.sh; do
    if [ -e "$script" ]; then step "Suite $script" bash "$script" "${long[@]}"; fi
  done
  for folder in tests/interop/*/; do
    if [ -d "$folder" ] && [ ! -e "$folder/run.sh" ] && ! grep -qF "${folder%/}" tests/interop/*.sh
    then not_checked "$folder: no script runs it"
    fi
  done
}

# Runs a command under a heading, with a limit of time, and adds up what passed and failed. The
# output goes to a file and is shown from there: a daemon that a suite left behind would hold a
# pipe open for ever.
step() {
  local name=$1 begin=$SECONDS status=0 run
  shift
  heading "$name"
  # A function of this file is no program that `timeout` could start; it limits its own parts.
  run=(timeout --kill-after=10 "$limit")
  if [ "$(type -t "$1")" = function ]; then run=(); fi
  : >"$log"
  "${run[@]}" "$@" >>"$log" 2>&1 &
  job=$!
  tail -n +1 -s 0.2 -f --pid="$job" "$log"
  wait "$job" || status=$?
  job=
  [ $status != 124 ] || echo "$name took longer than $limit s and was stopped"
  count "$name" "$status"
  echo "-- $name: $((SECONDS - begin)) s"
}

# Runs a cargo command that comes as a component of the toolchain; without it nothing is checked.
component() {
  if ! cargo "$1" --version >/dev/null 2>&1; then
    echo "!! cargo $1 IS MISSING, so its check fails: rustup component add clippy rustfmt"
    return 1
  fi
  timeout --kill-after=10 "$limit" cargo "$@"
}

# Adds the figures that the step printed, else one for the step as a whole. A step that failed
# always counts a failure.
count() {
  local name=$1 status=$2 good bad
  read -r good bad < <(figures <"$log")
  if [ "$status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
  if [ "$good" = 0 ] && [ "$bad" = 0 ]; then good=1; fi
  passed=$((passed + good))
  failed=$((failed + bad))
  if [ "$bad" != 0 ]; then failures+=("$name"); fi
}

# Reads a step's output, prints the number of what passed and of what failed.
figures() {
  awk '
    /^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
    /^test result: / { for (i = 2; i <= NF; i++) {
      if ($i == "passed;") p += $(i - 1)
      if ($i == "failed;") f += $(i - 1) } }
    END { print p + 0, f + 0 }'
}

heading() {
  printf '\n== %s\n' "$*"
}

not_checked() {
  printf '\n!! NOT CHECKED: %s\n' "$1"
  unchecked+=("$1")
}

closing() {
  heading "Result after $SECONDS s"
  for what in "${unchecked[@]}"; do echo "not checked: $what"; done
  for what in "${failures[@]}"; do echo "failed: $what"; done
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}

main "$@"
