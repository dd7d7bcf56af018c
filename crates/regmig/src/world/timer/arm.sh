set -eu
umask 077
timer=$1 epoch=$2 site=$3 before=$4 way_out=$5 text=$6; shift 6
now=$(cat "$timer" 2>/dev/null) || :
# Ends one that was started before.
rm -f -- "$timer.pid"
if [ -n "$site" ] && { [ "$now" != "$epoch" ] || ! [ -e "$before" ]; }; then
  cp -p -- "$site" "$before.new"
  mv -T -- "$before.new" "$before"
fi
printf '%s' "$text" >"$way_out.new"
mv -T -- "$way_out.new" "$way_out"
printf '%s\n' "$epoch" >"$timer.new"
mv -T -- "$timer.new" "$timer"
# Of its own session, so that the end of the one in which regmig has logged in is not its end. It says that it runs.
# shellcheck disable=SC2154
setsid sh "$way_out" "$lock" "$timer" "$epoch" "$@" </dev/null >/dev/null 2>&1 8>&- &
tries=0
until [ -s "$timer.pid" ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 250 ]; then
    rm -f -- "$timer"
    echo 'the timer has not started within 5 s' >&2
    exit 1
  fi
  sleep 0.02
done
