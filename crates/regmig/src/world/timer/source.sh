# way_out TUNNEL_HOST TUNNEL_PORT NGINX SITE BEFORE LOADED: source serves as before, unless dest was promoted.
way_out() {
  decide -h "$1" -p "$2" || return 1
  [ "$decided" = withdrawn ] || return 0
  nginx=$3 site=$4 before=$5 loaded=$6 failed=0
  if ! cmp -s -- "$before" "$site"; then
    # What nginx serves by is unknown until it has been reloaded, also to a timer that was started anew.
    nginx_serves reloading || return 1
    cp -p -- "$before" "$site.regmig-way-out" && mv -T -- "$site.regmig-way-out" "$site" || return 1
  fi
  sum=$(sha256sum <"$before")
  if [ -e "$loaded" ] && [ "$(cat "$loaded")" != "${sum%% *}" ]; then
    running=$(timeout 3 docker ps --filter status=running --format '{{.Names}}') || failed=1
    if printf '%s\n' "$running" | grep -qxF -- "$nginx"; then
      why=$(reload_nginx "$site" "$loaded" "$nginx" - 2>&1) || {
        say "nginx does not serve by its former file: $why"
        failed=1
      }
    elif [ "$failed" -eq 0 ]; then
      # It reads the file when it is started.
      rm -f -- "$loaded"
    fi
  fi
  redis_cli -p "$port" CLIENT UNPAUSE | grep -qx OK || failed=1
  return $failed
}

disarm() {
  rm -f -- "$timer" "$timer.pid" "$5" "$0"
}
