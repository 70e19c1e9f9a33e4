# shellcheck shell=bash
# Sourced by the other scripts, which are the command line with fewer words: finds Node and the command, and runs it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
environment_file=

# Ends the script when there is nothing to run yet.
assert_installed() {
  if ! command -v node > /dev/null; then
    echo 'Node is missing: install any version from 18; the pinned one comes as a package.' >&2
    exit 69
  fi
  if [ ! -e "$root/node_modules/.bin/clearway" ] || [ ! -d "$root/node_modules/pg" ]; then
    echo "Nothing is installed yet: run 'npm ci && npm run build' in $root first." >&2
    exit 69
  fi
}

# use_environment NAME: takes the variables of .env.NAME for this run. Returns 1 when there is no such file.
use_environment() {
  case $1 in '' | -* | */*) return 1 ;; esac
  [ -f "$root/.env.$1" ] || return 1
  environment_file="$root/.env.$1"
}

# run_clearway ARGUMENTS...: the command line takes the place of the script, with its exit status.
run_clearway() {
  assert_installed
  PATH="$root/node_modules/.bin:$PATH"
  exec node ${environment_file:+"--env-file=$environment_file"} "$root/node_modules/.bin/clearway" "$@"
}
