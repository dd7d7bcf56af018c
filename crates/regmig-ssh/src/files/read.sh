# $1 path, $2 most bytes. Prints "absent", or a line of attributes, the content, and the attributes again.
attributes() { stat -L -c '%a %u %g %s %.9Y %i %F' -- "$1" 2>&1; }
if ! found=$(attributes "$1"); then
    case $found in
    *': No such file or directory' | *': Not a directory')
        if [ -L "$1" ]; then
            echo "$1 is a link that leads nowhere" >&2
            exit 65
        fi
        echo absent
        exit 0
        ;;
    esac
    printf '%s\n' "$found" >&2
    exit 66
fi
case $found in
*'regular file' | *'regular empty file') ;;
*)
    echo "$1 is not a regular file" >&2
    exit 67
    ;;
esac
size=$(stat -L -c %s -- "$1") || exit 66
if [ "$size" -gt "$2" ]; then
    echo "$1 holds $size bytes, more than the $2 that are read at once" >&2
    exit 68
fi
printf '%s\n' "$found"
cat -- "$1" || exit 69
printf '\n'
attributes "$1"
