# way_out WRITER...: those who wait are answered, by a Redis that was promoted, or one that refuses to write.
way_out() {
  decide -p "$port" || return 1
  if [ "$decided" = withdrawn ]; then
    redis_cli -p "$port" CONFIG SET replica-read-only yes | grep -qx OK || return 1
  fi
  paused=$(timeout 3 docker ps --filter status=paused --format '{{.Names}}') || return 1
  failed=0
  for writer; do
    printf '%s\n' "$paused" | grep -qxF -- "$writer" || continue
    if [ "$decided" = withdrawn ] && [ "$role" != slave ]; then
      # It was restarted and is nobody's replica: it would take writes that nobody will ever see.
      timeout 10 docker kill "$writer" >/dev/null || failed=1
    else
      # Where regmig fell silent between its own thaw and Docker's, Docker has to find it frozen.
      at=$(timeout 3 docker inspect --format '{{.Id}} {{.State.Pid}}' "$writer") && freeze "${at% *}" "${at#* }"
      timeout 10 docker unpause "$writer" >/dev/null || failed=1
    fi
  done
  return $failed
}

disarm() {
  rm -f -- "$timer" "$timer.pid" "$0"
}
