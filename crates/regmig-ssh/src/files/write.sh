# $1 path, $2 SHA-256 of the content on stdin, $3 what is expected there (any, absent or a SHA-256),
# $4 mode, $5 owner UID:GID, $6 time of change; these three may be empty. Prints "same" or "changed".
set -eu
umask 077
path=$1 wanted=$2 expected=$3 mode=$4 owner=$5 mtime=$6
if [ -L "$path" ]; then
    path=$(readlink -e -- "$path") || {
        echo "$1 is a link that leads nowhere" >&2
        exit 65
    }
fi
dir=${path%/*}
[ -n "$dir" ] || dir=/
sum() { sha256sum <"$1" | cut -c 1-64; }
set_attributes() {
    [ -z "$owner" ] || [ "$(stat -c %u:%g -- "$1")" = "$owner" ] || chown -- "$owner" "$1"
    [ -z "$mode" ] || chmod -- "$mode" "$1"
    [ -z "$mtime" ] || touch -d "@$mtime" -- "$1"
}
found=absent
if [ -e "$path" ]; then
    if [ ! -f "$path" ]; then
        echo "$path is not a regular file" >&2
        exit 67
    fi
    found=$(sum "$path")
    [ ${#found} -eq 64 ] || exit 66
fi
if [ "$found" = "$wanted" ]; then
    before=$(stat -c '%a %u:%g %.9Y' -- "$path")
    set_attributes "$path"
    if [ "$before" = "$(stat -c '%a %u:%g %.9Y' -- "$path")" ]; then
        echo same
    else
        sync -- "$path"
        echo changed
    fi
    exit 0
fi
unexpected() {
    printf '%s\n' "$found"
    exit 73
}
[ "$expected" = any ] || [ "$found" = "$expected" ] || unexpected
# What a killed predecessor left behind; no command of ours runs for an hour.
find "$dir" -maxdepth 1 -type f -name '.regmig-tmp.*' -mmin +60 -delete 2>/dev/null || :
tmp=$(mktemp -- "$dir/.regmig-tmp.XXXXXXXX")
trap 'rm -f -- "$tmp"' EXIT
trap 'exit 74' HUP INT TERM
cat >"$tmp"
# A lost connection ends the input early; such a file must never take its place.
if [ "$(sum "$tmp")" != "$wanted" ]; then
    echo 'the content was cut on its way' >&2
    exit 75
fi
if [ "$found" != absent ]; then
    [ "$(stat -c %u:%g -- "$path")" = "$(stat -c %u:%g -- "$tmp")" ] || chown --reference="$path" -- "$tmp"
    chmod --reference="$path" -- "$tmp"
fi
set_attributes "$tmp"
sync -- "$tmp"
case $expected in
any) mv -T -f -- "$tmp" "$path" ;;
absent)
    # Unlike a renaming, a link is never made over what has come into being meanwhile.
    if ! ln -T -- "$tmp" "$path" 2>/dev/null; then
        found=$(sum "$path")
        unexpected
    fi
    ;;
*)
    found=$(sum "$path")
    [ "$found" = "$expected" ] || unexpected
    mv -T -f -- "$tmp" "$path"
    ;;
esac
rm -f -- "$tmp"
sync -- "$dir"
echo changed
