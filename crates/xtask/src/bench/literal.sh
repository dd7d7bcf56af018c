#!/bin/bash
# One stage of the published procedure, as its authors wrote it down for a person with two shells, without that person's
# delays. Three repairs, without which clients are never served again or writes are lost, are marked "repair".
#
# Arguments: stage, container of source, container of dest, address of source, address of dest.
# Prints "step NAME FROM_MS TO_MS" for each step of the text.
set -euo pipefail
stage=$1 source=$2 dest=$3 source_ip=$4 dest_ip=$5
root=/var/pryv
data=$root/reg-master/redis/data

on_source() { docker exec --interactive "$source" bash -ec "$1"; }
on_dest() { docker exec --interactive "$dest" bash -ec "$1"; }
step() {
  local name=$1 from
  shift
  from=$(date +%s%3N)
  "$@" >&2
  echo "step $name $from $(date +%s%3N)"
}

launch() { on_dest "cd $root && ./run-reg-master && docker ps"; }
back_up() { on_source "mkdir -p /root/backup && cp -a $data /root/backup/"; }
make_key() {
  on_dest 'mkdir -p -m 700 /root/.ssh && ssh-keygen -q -t rsa -b 4096 -N "" -C migration@remote -f /root/.ssh/migration >&2 &&
    cat /root/.ssh/migration.pub' | admit on_source
}
# Adds the key on standard input to root's.
admit() { "$1" 'mkdir -p -m 700 /root/.ssh && cat >> /root/.ssh/authorized_keys && chmod 600 /root/.ssh/authorized_keys'; }
copy() {
  on_dest "rsync --verbose --copy-links --archive --compress --delete \
    -e 'ssh -i /root/.ssh/migration -o StrictHostKeyChecking=no' root@$source_ip:$data/ $data"
}
stop_source() { on_source "cd $root && ./stop-containers"; }
# repair: a Redis that runs does not read what rsync has brought.
restart_dest() { on_dest "cd $root && ./stop-containers && ./run-reg-master"; }
proxy() {
  # repair: without the client's Host, dest answers with its first server block, which is mail's.
  on_source "cd $root && sed -i \
    -e 's#server register:9000.*;#server $dest_ip:443;#' \
    -e 's#proxy_pass http://register_server;#proxy_pass https://register_server; proxy_set_header Host \$host;#' \
    reg-master/nginx/conf/site.conf && ./run-reg-master"
}
publish() {
  on_dest "cd $root && sed -i '/image: \"pryv\/redis:/a\\    ports:\n      - \"127.0.0.1:6379:6379\"' reg-master.yml &&
    ./stop-containers && ./run-reg-master"
}
tunnel_key() {
  on_source "ssh-keygen -q -t rsa -b 4096 -N '' -C migration@remote -f $root/reg-master/redis/conf/id >&2 &&
    cat $root/reg-master/redis/conf/id.pub" | admit on_dest
}
follow() {
  on_source "cd $root && echo 'replicaof localhost 4567' >> reg-master/redis/conf/redis.conf &&
    ./stop-containers && ./run-reg-master"
  # repair: opened before the restart, as the text has it, the tunnel ends with the container.
  on_source 'redis=$(docker ps --quiet --filter label=com.docker.compose.service=redis) &&
    docker exec --detach "$redis" ssh -i /app/conf/id -o StrictHostKeyChecking=no -L 4567:127.0.0.1:6379 root@'"$dest_ip"' -N'
}

case $stage in
  warm)
    step launch launch
    step backup back_up
    step key make_key
    step first-rsync copy
    step second-rsync copy
    ;;
  cutover)
    step stop-source stop_source
    step last-rsync copy
    step restart-dest restart_dest
    step proxy proxy
    ;;
  publish) step publish-redis publish ;;
  replica)
    step tunnel-key tunnel_key
    step follow follow
    ;;
  *)
    echo "no such stage: $stage" >&2
    exit 2
    ;;
esac
