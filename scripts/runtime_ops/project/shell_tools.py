"""Commands of shell scripts that prepare, look or tell, and start nothing that goes on running."""

from __future__ import annotations

TOOLS = frozenset(
    (
        # the shell itself
        ". : [ [[ break cd command continue declare echo eval exit export false getopts hash help let local printf read readonly "
        "return set shift source test times trap true type typeset ulimit umask unalias unset wait "
        # files and texts
        "awk basename cat chmod chown cp curl cut date dirname envsubst find getent git grep egrep fgrep gunzip gzip head id "
        "install jq ln ls mkdir mkfifo mktemp mv openssl paste realpath readlink rm rmdir rsync sed seq sleep sort stat sync "
        "tail tar tee touch tr tty uname uniq unzip wc wget which whoami xargs "
        # users, packages, processes
        "adduser addgroup apk apt apt-get groupadd groupmod kill killall make node npm pip pip3 pkill ps pnpm useradd usermod "
        "yarn yum dnf systemctl service docker docker-compose kubectl helm gcloud aws az "
        # other services' clients
        "mc mysql mysqladmin nc netcat pg_isready psql rabbitmqctl redis-cli mongosh mongo createdb dropdb pg_dump "
        # s6
        "s6-pause s6-svc s6-svstat s6-svwait "
        # functions that scripts give such names to
        "die error fail fatal info log logger print_usage show_help usage warn"
    ).split()
)
