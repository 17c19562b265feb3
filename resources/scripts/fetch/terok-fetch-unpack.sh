# Unpacks a checked download; terok-fetch reads this file and sets the variables.
# shellcheck shell=sh disable=SC2154

# Both GNU and busybox keep members inside the directory, with a remark on
# stderr; a remark is enough to refuse the archive.
refuse_unsafe() {
    remark=$(grep -E -m 1 "emoving leading|contains '\.\.'|skipped \"\.\./\"|stripped absolute" "$work/err") || return 0
    fail 14 "$source holds a path outside its own directory ($remark)"
}

unpack() {
    case $format in
        npm | tar.gz) set -- tar -xzof "$work/file" ;;
        tar.xz) set -- tar -xJof "$work/file" ;;
        tar) set -- tar -xof "$work/file" ;;
        zip) set -- unzip -o "$work/file" -d "$stage" ;;
    esac
    case $1 in
        tar) set -- "$@" -C "$stage" --strip-components="$strip" ;;
    esac
    rc=0
    attend "$@" > "$work/err" 2>&1 || rc=$?
    refuse_unsafe
    # unzip ends with 1 after mere warnings.
    case $1:$rc in
        *:0) ;;
        unzip:1) [ -n "$(ls -A "$stage")" ] || fail 14 "cannot unpack $source: $(complaint)" ;;
        *) fail 14 "cannot unpack $source: $(grep -v 'Exiting with failure' "$work/err" | tail -n 1)" ;;
    esac
    if [ "$1" = unzip ]; then strip_directories; fi
    special=$(find "$stage" ! -type f ! -type d ! -type l | head -n 1)
    [ -z "$special" ] || fail 14 "$source holds a special file: ${special#"$stage"/}"
    [ -n "$(ls -A "$stage")" ] || fail 14 "$source holds nothing below $strip leading directories"
    chmod -R u+rwX,go+rX,go-w,ug-s "$stage"
}

# unzip has no option for it.
strip_directories() {
    n=$strip
    while [ "$n" -gt 0 ]; do
        mkdir "$stage.next"
        for d in "$stage"/* "$stage"/.[!.]*; do
            if [ -d "$d" ] && [ ! -L "$d" ]; then merge "$d" "$stage.next"; fi
        done
        rm -rf "$stage"
        mv "$stage.next" "$stage"
        n=$((n - 1))
    done
}

# Moves what is in directory $1 into directory $2. A subshell keeps the
# variables of each level apart.
merge() (
    for e in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        if [ ! -e "$e" ] && [ ! -L "$e" ]; then continue; fi
        place "$e" "$2/${e##*/}"
    done
)

place() {
    if [ ! -e "$2" ] && [ ! -L "$2" ]; then
        mv "$1" "$2" || fail 14 "cannot write ${2#"$into"/} of $source"
    elif [ -d "$1" ] && [ ! -L "$1" ] && [ -d "$2" ] && [ ! -L "$2" ]; then
        merge "$1" "$2"
    else
        fail 14 "$source would overwrite ${2#"$into"/}"
    fi
}

publish() {
    if [ -z "$keep" ]; then
        merge "$stage" "$into"
        return
    fi
    printf %s "$keep" | while IFS= read -r p; do
        if [ ! -e "$stage/$p" ] && [ ! -L "$stage/$p" ]; then
            fail 14 "$source does not hold $p"
        fi
    done
    printf %s "$keep" | while IFS= read -r p; do
        case $p in
            */*) mkdir -p "$into/${p%/*}" ;;
        esac
        place "$stage/$p" "$into/$p"
    done
}

install_bare() {
    file=${source%%[?#]*}
    file=${as:-${file##*/}}
    case $file in
        '' | . | ..) fail 2 "$source names no file, so --as must" ;;
    esac
    [ ! -e "$into/$file" ] || fail 14 "$source would overwrite $file"
    cp "$work/file" "$stage/$file" || fail 14 "cannot write $file of $source"
    chmod 0755 "$stage/$file"
    mv "$stage/$file" "$into/$file"
}
