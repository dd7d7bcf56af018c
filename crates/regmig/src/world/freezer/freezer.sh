# Containers frozen and thawed by their control group: the kernel does at once what Docker takes tens of milliseconds for.
# Docker goes on calling a container frozen that was thawed so, and thaws none that runs.

# freezer_of ID PID: the file by which a container is frozen, whose first process is PID, and the words for it; fails where
# there is none, or it were that of more than this container.
freezer_of() {
  freezer='' frozen='' thawed=''
  while IFS=: read -r _ controllers path; do
    case $path in *"$1"*) ;; *) continue ;; esac
    case ,$controllers, in
    *,freezer,*) freezer=${cgroup_dir:-/sys/fs/cgroup}/freezer$path/freezer.state frozen=FROZEN thawed=THAWED ;;
    ,,) [ -n "$freezer" ] || { freezer=${cgroup_dir:-/sys/fs/cgroup}$path/cgroup.freeze frozen=1 thawed=0; } ;;
    esac
  done <"${proc_dir:-/proc}/$2/cgroup"
  [ -n "$1" ] && [ -w "$freezer" ]
}

# thaw ID PID ...: all that can be; fails where one cannot.
thaw() {
  failed=0
  while [ $# -gt 1 ]; do
    freezer_of "$1" "$2" && printf '%s\n' "$thawed" >"$freezer" || failed=1
    shift 2
  done
  [ "$failed" -eq 0 ]
}

# freeze ID PID: so that Docker can thaw it.
freeze() {
  freezer_of "$@" && printf '%s\n' "$frozen" >"$freezer" || return 1
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    read -r state <"$freezer"
    [ "$state" = "$frozen" ] && return 0
    sleep 0.002
  done
  return 1
}
