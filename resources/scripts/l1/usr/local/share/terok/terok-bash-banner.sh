# Greets once per session on a terminal. Read by interactive bash only, from the
# system's bashrc.
# shellcheck shell=bash

if [ -t 1 ] && [ -z "${_TEROK_BANNER_SHOWN:-}" ]; then
    export _TEROK_BANNER_SHOWN=1
    hilfe --kurz 2> /dev/null || :
    if [ -s "${TEROK_ROOT:-}/home/dev/.terok/initial-prompt.txt" ]; then
        printf '\n\033[1mInitial prompt\033[0m\n'
        cat "${TEROK_ROOT:-}/home/dev/.terok/initial-prompt.txt"
        echo
    fi
fi
