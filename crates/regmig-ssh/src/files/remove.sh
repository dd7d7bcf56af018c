# $1 path, $2 what is expected there (any, absent or a SHA-256). Prints "same" or "changed".
set -eu
if ! kind=$(stat -c %F -- "$1" 2>&1); then
    case $kind in
    *': No such file or directory' | *': Not a directory')
        echo same
        exit 0
        ;;
    esac
    printf '%s\n' "$kind" >&2
    exit 66
fi
case $kind in
'regular file' | 'regular empty file') ;;
*)
    echo "$1 is not a regular file" >&2
    exit 67
    ;;
esac
found=$(sha256sum <"$1" | cut -c 1-64)
if [ "$2" != any ] && [ "$found" != "$2" ]; then
    printf '%s\n' "$found"
    exit 73
fi
dir=${1%/*}
rm -f -- "$1"
sync -- "${dir:-/}"
echo changed
