printf '%s\n' $$ >"$timer.pid.new" && mv -T -- "$timer.pid.new" "$timer.pid" || exit 1
end=$(($(uptime_ms) + within_ms))
while [ "$(uptime_ms)" -lt "$end" ]; do
  armed || exit 0
  sleep 0.1
done
while :; do
  exec 8>"$lock"
  flock 8
  armed || exit 0
  if way_out "$@"; then
    say 'done'
    disarm "$@"
    exit 0
  fi
  exec 8>&-
  sleep 0.5
done
