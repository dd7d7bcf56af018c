# reload_nginx SITE LOADED CONTAINER DRAIN_MS
# Has the nginx of a container serve by the file SITE as it stands, and says in the file LOADED by which. Waits for at
# most DRAIN_MS until the workers that served by another file are gone; where that is `-`, until a new one is there.
# What takes its time comes before the signal or after the workers' end: clients wait in between.
reload_nginx() {
  site=$1 loaded=$2 nginx=$3 drain=$4
  sum=$(sha256sum <"$site") || return 1
  sum=${sum%% *}
  processes=$(timeout 10 docker top "$nginx" -eo pid,args) || return 1
  master=$(printf '%s\n' "$processes" | sed -n '/^ *[0-9][0-9]*  *nginx: master process/{p;q;}')
  main=$(printf '%s\n' "$master" | sed -n 's/.* -c *\([^ ]*\).*/\1/p')
  # shellcheck disable=SC2086
  set -- $master
  master=${1-}
  former=" $(printf '%s\n' "$processes" | sed -n 's/^ *\([0-9][0-9]*\)  *nginx: worker process.*/\1/p' | tr '\n' ' ')"
  if [ -z "$master" ]; then
    echo "no nginx runs in $nginx" >&2
    return 1
  fi
  nginx_serves reloading || return 1
  kill -HUP "$master" || return 1
  if [ "$drain" = - ]; then limit=5000; else limit=$drain; fi
  read_uptime
  begun=$uptime
  while :; do
    left=0
    if [ "$drain" != - ]; then
      for pid in $former; do
        [ -d "/proc/$pid" ] && left=$((left + 1))
      done
    fi
    if [ "$left" -eq 0 ] && new_worker; then break; fi
    read_uptime
    if [ $((uptime - begun)) -ge "$limit" ]; then
      not_reloaded
      return 1
    fi
    sleep 0.002
  done
  nginx_serves "$sum"
}

# Whether the master has started a worker since.
new_worker() {
  if [ -r "/proc/$master/task/$master/children" ]; then
    read -r children <"/proc/$master/task/$master/children" || :
  else
    children=$(ps -o pid= --ppid "$master")
  fi
  for pid in $children; do
    case $former in *" $pid "*) continue ;; esac
    title=''
    [ ! -r "/proc/$pid/cmdline" ] || read -r title <"/proc/$pid/cmdline" || :
    case $title in *'worker process'*) return 0 ;; esac
  done
  return 1
}

# Says why it has taken too long.
not_reloaded() {
  if new_worker; then
    echo "$left former workers still have requests in flight after $limit ms" >&2
    return
  fi
  set --
  [ -z "$main" ] || set -- -c "$main"
  echo "nginx has started no new worker within $limit ms; nginx -t says:" >&2
  timeout 10 docker exec "$nginx" nginx -t "$@" >&2
}

# In place, without a program of its own: half of it is no file's sum, and it says then that it is not known.
nginx_serves() {
  printf '%s\n' "$1" >"$loaded"
}

# Milliseconds since the machine was started: no clock that is set can make them jump.
uptime_ms() {
  read_uptime
  echo "$uptime"
}

# The same in a variable, without a process of its own.
read_uptime() {
  read -r uptime _ </proc/uptime
  uptime=${uptime%.*}${uptime#*.}0
}
