# Started by regmig: unless it is disarmed in time, this takes the way out of a cutover whose regmig has fallen silent.
# Whoever changes the key in dest's Redis first, this or the promotion, decides which machine serves.
set -u
umask 077
trap '' HUP
lock=$1 timer=$2 epoch=$3 within_ms=$4 log=$5 redis=$6 cli=$7 port=$8 key=$9 swap=${10}
shift 10

say() {
  [ "$*" = "${said-}" ] || printf '%s %s: %s\n' "$(date -u +%FT%TZ)" "$epoch" "$*" >>"$log"
  said=$*
}

# Whether this epoch is still the one, and this the timer that was started last for it.
armed() {
  { read -r now <"$timer" && read -r last <"$timer.pid"; } 2>/dev/null &&
    [ "$now" = "$epoch" ] && [ "$last" = $$ ]
}

redis_cli() {
  timeout 3 docker exec "$redis" "$cli" "$@"
}

# decide WORDS...: spends the epoch unless it was promoted, and says in `decided` which of both it is: `withdrawn`,
# `promoted`, or nothing where dest's Redis did not say. WORDS lead redis-cli to it.
decide() {
  decided=
  says=$(redis_cli "$@" EVAL "$swap" 1 "$key" "withdrawn $epoch" "armed $epoch" 2>&1) || {
    say "dest's Redis does not answer: $says"
    return 1
  }
  role=$(redis_cli "$@" INFO replication 2>&1 | sed -n 's/^role:\([a-z]*\).*/\1/p')
  if [ -z "$says" ] && [ -n "$role" ]; then
    # A full resync has taken the key along, or a restart, with whatever came after it. Written anew, so that nobody arms
    # it once more.
    says=$(redis_cli "$@" EVAL "$swap" 1 "$key" "withdrawn $epoch" 2>&1) || return 1
  fi
  case $says in
    "withdrawn $epoch") decided=withdrawn ;;
    "promoted $epoch") decided=promoted ;;
  esac
  if [ -z "$role" ] || [ -z "$decided" ]; then
    say "dest's Redis (role ${role:-unknown}) says of the epoch: ${says:-nothing}"
    return 1
  fi
  say "the epoch is $decided"
}
