# As on Fedora the user's own file reads the system's.
if [ -f /etc/bashrc ]; then
    . /etc/bashrc
fi
