#!/usr/bin/env bash
# Has cron or systemd make, prove, rehearse and prune the backups, for machines where no worker runs. All of it is
# 'clearway backup schedule install', which takes the same options; run from any folder, as often as you like.
#
#   scripts/setup-backup-schedule.sh cron --dry-run
#   scripts/setup-backup-schedule.sh systemd production   with the variables of .env.production
#   scripts/setup-backup-schedule.sh cron --remove
set -euo pipefail
# shellcheck source=scripts/run-clearway.sh
source "$(dirname "${BASH_SOURCE[0]}")/run-clearway.sh"
cd "$root"

usage() {
  echo 'usage: scripts/setup-backup-schedule.sh cron|systemd [environment] [--dry-run|--remove|--status] [options]' >&2
  exit 64
}

case ${1:-} in cron | systemd) scheduler=$1 ;; *) usage ;; esac
shift
environment=()
if use_environment "${1:-}"; then
  environment=(--environment "$1")
  shift
elif [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  echo "There is no .env.$1 in $root: write the variables of that environment there, such as DATABASE_URL." >&2
  exit 64
fi
action=install
case ${1:-} in
  --remove) action=remove && shift ;;
  --status) action=status && shift ;;
esac
run_clearway backup schedule "$action" "$scheduler" "${environment[@]}" "$@"
