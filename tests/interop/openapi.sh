#!/usr/bin/env bash
# The document of the API, docs/openapi.json, judged by others: by the validator of the OpenAPI
# initiative's schema and by a linter. A test of the program compares it with what a room gives.
# Prints `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/../.."
: "${CUSTOS_PYTHON:=$PWD/target/venv/bin/python}"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
here=tests/interop/openapi
packages=target/openapi
passed=0
failed=0

check() {
  local name=$1 said
  shift
  if said=$("$@" 2>&1); then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    printf 'FAIL  %s\n%s\n' "$name" "$said"
  fi
}

# The opposite: a document with a planted defect must be refused.
refused() {
  ! "$@"
}

validate() {
  "$CUSTOS_PYTHON" -m openapi_spec_validator "$1"
}

lint() {
  "$packages/node_modules/.bin/redocly" lint --config "$here/redocly.yaml" "$1"
}

mkdir -p "$packages"
cp "$here/package.json" "$here/package-lock.json" "$packages/"
(cd "$packages" && timeout 300 npm ci --no-audit --no-fund --silent) || exit 1
sed 's/"operationId": "readMe"/"operationId": "readCase"/' docs/openapi.json >"$packages/planted.json"

check "the document is OpenAPI 3.1" validate docs/openapi.json
check "the linter finds nothing in it" lint docs/openapi.json
check "the validator sees an operation that stands twice" refused validate "$packages/planted.json"
check "the linter sees an operation that stands twice" refused lint "$packages/planted.json"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
