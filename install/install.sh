#!/bin/sh
# shellcheck shell=dash
# Installs the agent skill python-runtime-operations into a skills folder of a coding agent; --help lists the options.
# Everything is in functions and the last line calls them, so that a download that breaks off does nothing at all.
set -u

NAME="python-runtime-operations"
VERSION="0.1.0"
# The SHA-256 of the archive. `scripts/bundle.py build` fills it in for a release; the source tree leaves it empty.
SHA256=""
PAGE="https://github.com/python-runtime-operations/python-runtime-operations"
RECEIPT="INSTALLED.txt"
LIST="FILES.sha256"

usage() {
    cat <<'TEXT'
Install, update, check or remove the agent skill python-runtime-operations.

usage: install.sh [options]
  --agent claude|agents|gemini|opencode
                   whose skills folder (default: claude). "agents" is ~/.agents/skills, which Codex, Cursor and others read
  --scope user|project
                   for you everywhere (default), or for the project in the current folder
  --dest DIR       the skill's own folder instead, ending in /python-runtime-operations
  --ref TAG        install this release, for example v0.1.0
  --from PATH      install from a checkout or an unpacked bundle (a folder), or from a .zip or .skill file: no network
  --dry-run        say what would be done, write nothing
  --check          say whether the skill is installed and unchanged: exit code 0 if so, else 1
  --uninstall      remove what was installed, and nothing else
  --force          replace or remove a copy that is not ours or was changed; the copy is kept beside the skills folder
  --version        print the installer's version
  --help           print this text

environment
  CLAUDE_CONFIG_DIR   Claude Code's folder, if not ~/.claude
  PYRUNOPS_BASE_URL   where to download from instead of the release page
exit codes: 0 done, 1 could not be done (what was there before is still there), 2 wrong usage
TEXT
}

say() { printf '%s\n' "$1"; }
warn() { printf 'warning: %s\n' "$1" >&2; }
fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}
misused() {
    printf 'error: %s\n' "$1" >&2
    printf '%s\n' "--help lists the options" >&2
    exit 2
}
have() { command -v "$1" >/dev/null 2>&1; }
exists() { [ -e "$1" ] || [ -L "$1" ]; }

read_options() {
    ACTION=install AGENT="" SCOPE="" DEST="" REF="" FROM="" DRY_RUN="" FORCE=""
    while [ $# -gt 0 ]; do
        OPTION="$1"
        case "$OPTION" in
            --agent | --scope | --dest | --ref | --from)
                [ $# -ge 2 ] || misused "$OPTION needs a value"
                [ -n "$2" ] || misused "$OPTION needs a value"
                ;;
        esac
        case "$OPTION" in
            --agent) AGENT="$2" && shift ;;
            --scope) SCOPE="$2" && shift ;;
            --dest) DEST="$2" && shift ;;
            --ref) REF="$2" && shift ;;
            --from) FROM="$2" && shift ;;
            --dry-run) DRY_RUN=1 ;;
            --check) ACTION=check ;;
            --uninstall) ACTION=uninstall ;;
            --force) FORCE=1 ;;
            --version) say "$VERSION" && exit 0 ;;
            --help) usage && exit 0 ;;
            *) misused "unknown option $OPTION" ;;
        esac
        shift
    done
    if [ -n "$DEST" ] && [ -n "$AGENT$SCOPE" ]; then misused "--dest says where already; leave out --agent and --scope"; fi
    if [ -n "$REF" ] && [ -n "$FROM" ]; then misused "--ref downloads a release, --from does not; give one of them"; fi
    AGENT="${AGENT:-claude}" SCOPE="${SCOPE:-user}"
    case "$AGENT" in
        claude | agents | gemini | opencode) ;;
        *) misused "--agent is $AGENT, expected claude, agents, gemini or opencode" ;;
    esac
    case "$SCOPE" in
        user | project) ;;
        *) misused "--scope is $SCOPE, expected user or project" ;;
    esac
    case "$REF" in *[!A-Za-z0-9._-]*) misused "--ref is $REF, expected a tag like v0.1.0" ;; esac
}

user_folder() {
    case "$1" in
        claude) printf '%s\n' "${CLAUDE_CONFIG_DIR:-$HOME/.claude}/skills" ;;
        agents) printf '%s\n' "$HOME/.agents/skills" ;;
        gemini) printf '%s\n' "$HOME/.gemini/skills" ;;
        opencode) printf '%s\n' "${XDG_CONFIG_HOME:-$HOME/.config}/opencode/skills" ;;
    esac
}

choose_target() {
    TARGET_OPTIONS=""
    if [ -n "$DEST" ]; then
        DEST="${DEST%/}"
        [ "${DEST##*/}" = "$NAME" ] || misused "--dest is $DEST, expected a folder named $NAME (agents take the folder's name)"
        case "$DEST" in /*) ;; *) DEST="$PWD/$DEST" ;; esac
        TARGET_OPTIONS=" --dest '$DEST'"
    elif [ "$SCOPE" = project ]; then
        DEST="$PWD/.$AGENT/skills/$NAME"
        TARGET_OPTIONS=" --scope project"
        [ "$AGENT" = claude ] || TARGET_OPTIONS=" --agent $AGENT --scope project"
    else
        case "${HOME:-}" in /*) ;; *) fail "HOME is not set to an absolute path; set it or give --dest" ;; esac
        DEST="$(user_folder "$AGENT")/$NAME"
        [ "$AGENT" = claude ] || TARGET_OPTIONS=" --agent $AGENT"
    fi
    SKILLS="$(dirname "$DEST")"
}

find_tools() {
    HASHER="" PYTHON=""
    if have python3; then
        PYTHON=python3
        # On a Mac without developer tools /usr/bin/python3 opens a dialog instead of running.
        if [ "$(command -v python3)" = /usr/bin/python3 ] && [ "$(uname -s)" = Darwin ] && ! xcode-select -p >/dev/null 2>&1; then
            PYTHON=""
        fi
    fi
    for TOOL in sha256sum shasum $PYTHON; do
        if have "$TOOL"; then
            HASHER="$TOOL"
            break
        fi
    done
    [ -n "$HASHER" ] || fail "need sha256sum, shasum or python3 to check files; install one of them"
}

# "<sha256>  <path>" of every file under a folder, sorted. Caches and our receipt do not count.
hashes() {
    (
        cd "$1" || exit 1
        case "$HASHER" in
            sha256sum) find . -name __pycache__ -prune -o -type f ! -name '*.pyc' ! -name .DS_Store ! -path "./$RECEIPT" -exec sha256sum {} + ;;
            shasum) find . -name __pycache__ -prune -o -type f ! -name '*.pyc' ! -name .DS_Store ! -path "./$RECEIPT" -exec shasum -a 256 {} + ;;
            *) find . -name __pycache__ -prune -o -type f ! -name '*.pyc' ! -name .DS_Store ! -path "./$RECEIPT" -exec "$HASHER" -I -c '
import hashlib, sys
for path in sys.argv[1:]:
    with open(path, "rb") as stream:
        print(hashlib.sha256(stream.read()).hexdigest() + "  " + path)' {} + ;;
        esac
    ) | sed 's,^\([0-9a-f]*\) [ *]\./,\1  ,' | LC_ALL=C sort
}

hash_of() {
    case "$HASHER" in
        sha256sum) sha256sum <"$1" ;;
        shasum) shasum -a 256 <"$1" ;;
        *) "$HASHER" -I -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())' <"$1" ;;
    esac | sed 's/ .*//'
}

receipt_list() { sed -n '/^[0-9a-f]\{64\}  ./p' "$1/$RECEIPT" | LC_ALL=C sort; }
receipt_value() { sed -n "s/^$1: //p" "$DEST/$RECEIPT"; }
is_ours() { [ -d "$DEST" ] && [ ! -L "$DEST" ] && [ -f "$DEST/$RECEIPT" ] && grep -q "^$NAME receipt 1\$" "$DEST/$RECEIPT"; }

# Names of installed files that are no longer as they were installed.
changed_files() {
    { say "-" && hashes "$DEST"; } >"$1/now"
    receipt_list "$DEST" >"$1/then"
    grep -vxF -f "$1/now" "$1/then" | sed 's/^[0-9a-f]*  //'
}

# The folder for temporary files and kept copies: the parent of the skills folder, which no agent searches for skills.
# It has to be on the same file system, so that moving is one step.
choose_base() {
    BASE="$(dirname "$SKILLS")"
    BASE_DISK="$(df -P "$BASE" 2>/dev/null | sed -n '2s/ .*//p')"
    SKILLS_DISK="$(df -P "$SKILLS" 2>/dev/null | sed -n '2s/ .*//p')"
    if [ ! -w "$BASE" ] || [ "$BASE_DISK" != "$SKILLS_DISK" ]; then BASE="$SKILLS"; fi
    KEY=".$NAME.$(basename "$SKILLS")"
    LOCK="$BASE/$KEY.lock"
}

make_folder() {
    MISSING="$SKILLS" MADE=""
    while ! exists "$MISSING"; do
        MADE="created: $MISSING
$MADE"
        MISSING="$(dirname "$MISSING")"
    done
    CREATED="${MADE:-$CREATED}"
    MKDIR_ERROR="$(mkdir -p "$SKILLS" 2>&1)" || fail "cannot create $SKILLS ($MKDIR_ERROR)"
    [ -d "$SKILLS" ] && [ -w "$SKILLS" ] || fail "cannot write to $SKILLS; make it writable or choose another with --dest"
}

lock() {
    LOCK_SECONDS="${PYRUNOPS_LOCK_SECONDS:-30}"
    EMPTY_SEEN="" WAITED=0 TRIES=0
    until (set -C && printf '%s\n' "$$ $(uname -n)" >"$LOCK") 2>/dev/null; do
        TRIES=$((TRIES + 1))
        # A removal at the same time took the empty folders away.
        if [ "$ACTION" = install ] && ! exists "$SKILLS"; then make_folder; fi
        if [ ! -w "$BASE" ] || [ "$TRIES" -gt $((LOCK_SECONDS + 10)) ]; then fail "cannot write to $BASE"; fi
        HOLDER="$(cat "$LOCK" 2>/dev/null)"
        HOLDER_PROCESS="${HOLDER%% *}"
        STALE=""
        if [ -z "$HOLDER" ]; then
            # Killed between creating the file and writing it, if it stays so.
            STALE="$EMPTY_SEEN" EMPTY_SEEN=1
        elif [ "${HOLDER#* }" = "$(uname -n)" ] && ! kill -0 "$HOLDER_PROCESS" 2>/dev/null && ! ps -p "$HOLDER_PROCESS" >/dev/null 2>&1; then
            STALE=1
        fi
        if [ -n "$STALE" ]; then
            mv "$LOCK" "$LOCK.$$" 2>/dev/null || continue
            if [ "$(cat "$LOCK.$$" 2>/dev/null)" != "$HOLDER" ]; then ln "$LOCK.$$" "$LOCK" 2>/dev/null; fi
            rm -f "$LOCK.$$"
            continue
        fi
        [ "$WAITED" -lt "$LOCK_SECONDS" ] || fail "another installer is at work ($HOLDER); wait for it, or remove $LOCK if it is gone"
        sleep 1
        WAITED=$((WAITED + 1))
    done
    LOCKED=1
}

# Put back what a run moved out of DEST's place and did not replace, then drop its temporary folder.
settle() {
    if ! exists "$DEST"; then
        if exists "$1/old"; then
            mv "$1/old" "$DEST" || return 1
            say "restored $DEST, which an interrupted run had moved aside"
        elif [ -d "$1/removed" ] && [ -d "$1/keep" ]; then
            mv "$1/keep" "$DEST" || return 1
        fi
    fi
    rm -rf "$1"
}

# What killed runs left half done. Only while we hold the lock.
mend() {
    for LEFT in "$BASE/$KEY.staging."*; do
        if [ -d "$LEFT" ]; then settle "$LEFT"; fi
    done
}

# Runs at the end, however it comes: no temporary file, no lock, no empty folder of ours stays.
# shellcheck disable=SC2329 # the trap calls it
clean_up() {
    STATUS=$?
    trap - EXIT INT TERM HUP
    if [ -n "$STAGE" ]; then settle "$STAGE"; fi
    if [ -n "$LOCKED" ]; then rm -f "$LOCK"; fi
    if [ "$STATUS" -ne 0 ] && [ "$ACTION" = install ]; then remove_created "$CREATED"; fi
    exit "$STATUS"
}

# Remove the folders that an install created, innermost first, if nothing is left in them.
remove_created() {
    printf '%s\n' "$1" | sed -n 's/^created: //p' | LC_ALL=C sort -r | while IFS= read -r FOLDER; do
        rmdir "$FOLDER" 2>/dev/null || :
    done
}

begin() {
    choose_base
    lock
    if [ "$ACTION" = install ]; then make_folder; fi
    mend
    STAGE="$BASE/$KEY.staging.$$"
    mkdir "$STAGE" 2>/dev/null || fail "cannot write to $BASE"
}

download() {
    case "$1" in
        https://*) PROTOCOL='=https' ;;
        *)
            [ -n "${PYRUNOPS_BASE_URL:-}" ] || fail "refusing to download without https from $1"
            PROTOCOL='=http,https,file'
            ;;
    esac
    if have curl; then
        curl --proto "$PROTOCOL" --tlsv1.2 --silent --show-error --fail --location --output "$2" "$1" </dev/null
    elif have wget; then
        wget -q -O "$2" "$1" </dev/null
    else
        fail "need curl or wget to download; or download $1 yourself and run this with --from FILE"
    fi || fail "could not download $1"
    [ -s "$2" ] || fail "could not download $1"
}

# Sets ARCHIVE to a file, or to nothing when the source is a folder; sets SOURCE and EXPECTED (a hash, or empty).
choose_source() {
    ARCHIVE="" EXPECTED=""
    if [ -n "$FROM" ]; then
        exists "$FROM" || fail "--from is $FROM, which is not there; expected a folder or a .zip or .skill file"
        SOURCE="$(cd "$(dirname "$FROM")" && pwd)/$(basename "$FROM")"
        if [ -d "$FROM" ]; then
            SOURCE="$(cd "$FROM" && pwd)"
            [ -f "$FROM/SKILL.md" ] || fail "--from is $FROM, which holds no SKILL.md; expected a checkout or an unpacked bundle"
        else
            ARCHIVE="$FROM" EXPECTED="$(hash_of "$FROM")"
        fi
        return
    fi
    [ "$REF" != "v$VERSION" ] || [ -z "$SHA256" ] || REF=""
    if [ -z "$REF" ] && [ -z "$SHA256" ]; then
        fail "this copy of the installer is from the source tree and knows no archive's hash; give --from with a checkout, or use the installer of a release, $PAGE/releases"
    fi
    URL="${PYRUNOPS_BASE_URL:-$PAGE/releases/download/${REF:-v$VERSION}}"
    SOURCE="$URL/$NAME.zip"
    EXPECTED="$SHA256"
}

fetch() {
    ARCHIVE="$STAGE/archive.zip"
    if [ -n "$REF" ]; then
        download "$URL/SHA256SUMS" "$STAGE/sums"
        EXPECTED="$(sed -n "s/^\([0-9a-f]\{64\}\)  $NAME\.zip\$/\1/p" "$STAGE/sums")"
        [ -n "$EXPECTED" ] || fail "$URL/SHA256SUMS does not name $NAME.zip"
    fi
    download "$SOURCE" "$ARCHIVE"
    GOT="$(hash_of "$ARCHIVE")"
    [ "$GOT" = "$EXPECTED" ] || fail "the archive's SHA-256 is $GOT, expected $EXPECTED; nothing was installed"
}

unpack() {
    mkdir "$STAGE/unpacked" || fail "cannot write to $BASE"
    if have unzip; then
        unzip -q -o "$ARCHIVE" -d "$STAGE/unpacked" </dev/null >"$STAGE/unzip.log" 2>&1
    elif [ -n "$PYTHON" ]; then
        "$PYTHON" -I -c '
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for info in archive.infolist():
        path = archive.extract(info, sys.argv[2])
        if info.external_attr >> 16 & 0o100:
            os.chmod(path, 0o755)' "$ARCHIVE" "$STAGE/unpacked" >"$STAGE/unzip.log" 2>&1
    else
        fail "need unzip or python3 to unpack the archive; install one of them"
    fi || fail "could not unpack the archive: $(tail -n 1 "$STAGE/unzip.log" 2>/dev/null)"
    NEW="$STAGE/unpacked/$NAME"
}

# Only what belongs to the skill is taken from a checkout.
copy_checkout() {
    NEW="$STAGE/unpacked/$NAME"
    mkdir -p "$NEW" || fail "cannot write to $BASE"
    for ITEM in SKILL.md LICENSE README.md CHANGELOG.md references scripts "$LIST"; do
        [ -e "$FROM/$ITEM" ] || continue
        cp -R "$FROM/$ITEM" "$NEW/" || fail "could not copy $ITEM from $SOURCE"
    done
    find "$NEW" -name __pycache__ -prune -exec rm -rf {} +
    find "$NEW" \( -name '*.pyc' -o -name .DS_Store \) -exec rm -f {} +
}

inspect() {
    [ -f "$NEW/SKILL.md" ] || fail "$SOURCE holds no $NAME/SKILL.md; it is not this skill"
    grep -q "^name: $NAME\$" "$NEW/SKILL.md" || fail "$SOURCE holds another skill"
    [ -f "$NEW/scripts/audit.py" ] || fail "$SOURCE holds no scripts/audit.py; it is not complete"
    [ -z "$(find "$NEW" -type l)" ] || fail "$SOURCE holds symbolic links; it is not this skill"
    NEW_VERSION="$(sed -n 's/^__version__ = "\([^"]*\)"$/\1/p' "$NEW/scripts/runtime_ops/__init__.py" 2>/dev/null)"
    [ -n "$NEW_VERSION" ] || fail "$SOURCE does not say its version"
    hashes "$NEW" >"$STAGE/new"
    [ $(($(find "$NEW" -type f | wc -l))) -eq $(($(wc -l <"$STAGE/new"))) ] || fail "could not read every file of $SOURCE"
    if [ -f "$NEW/$LIST" ]; then
        grep -v "  $LIST\$" "$STAGE/new" >"$STAGE/listed"
        LC_ALL=C sort "$NEW/$LIST" | cmp -s - "$STAGE/listed" || fail "the files of $SOURCE differ from its list $LIST; download it again"
    fi
}

# Says why what stands at DEST may not be replaced or removed without --force; says nothing when it may.
objection() {
    exists "$DEST" || return 0
    if [ -L "$DEST" ]; then
        say "$DEST is a symbolic link to $(readlink "$DEST"), not made by this installer"
    elif ! is_ours; then
        say "$DEST is there already, but was not made by this installer (no $RECEIPT in it)"
    else
        CHANGED="$(changed_files "$1")"
        [ -z "$CHANGED" ] || say "$DEST has files that were changed since they were installed: $(printf '%s' "$CHANGED" | tr '\n' ' ')"
    fi
}

# Files that somebody added to the installed folder, as a tree in STAGE/keep: they outlive an update and a removal.
collect_additions() {
    cp -R -p "$DEST" "$STAGE/keep" || fail "could not read $DEST"
    receipt_list "$DEST" | sed 's/^[0-9a-f]*  //' | while IFS= read -r OLD_FILE; do rm -f "$STAGE/keep/$OLD_FILE"; done
    rm -f "$STAGE/keep/$RECEIPT"
    find "$STAGE/keep" -name __pycache__ -prune -exec rm -rf {} +
    find "$STAGE/keep" \( -name '*.pyc' -o -name .DS_Store \) -exec rm -f {} +
    find "$STAGE/keep" -depth -type d -exec rmdir {} + 2>/dev/null
}

keep_additions() {
    [ -d "$STAGE/keep" ] || return 0
    CLASH="$(cd "$STAGE/keep" && find . ! -type d -exec sh -c 'for FILE; do if [ -e "$0/$FILE" ]; then printf "%s " "${FILE#./}"; fi; done' "$NEW" {} +)"
    if [ -n "$CLASH" ]; then
        [ -n "$FORCE" ] || fail "you added files that $NEW_VERSION brings too: $CLASH; move them, or use --force (the old folder is kept)"
        BACKUP=1
        return 0
    fi
    cp -R -p "$STAGE/keep/." "$NEW/" || fail "could not copy the files that you added"
}

write_receipt() {
    {
        say "$NAME receipt 1"
        say "version: $NEW_VERSION"
        say "source: $SOURCE"
        say "archive: $EXPECTED"
        if is_ours; then sed -n '/^created: /p' "$DEST/$RECEIPT"; else printf '%s' "$CREATED"; fi
        cat "$STAGE/new"
    } >"$NEW/$RECEIPT" || fail "could not write the receipt"
}

# Exchange two folders in one step where the system can, so that there is no moment without the skill.
exchange() {
    [ -n "$PYTHON" ] && "$PYTHON" -I -c '
import ctypes, os, sys
libc = ctypes.CDLL(None)
one, other = (os.fsencode(path) for path in sys.argv[1:])
if sys.platform == "darwin":
    sys.exit(libc.renamex_np(one, other, 2) != 0)
sys.exit(libc.renameat2(-100, one, -100, other, 2) != 0)' "$1" "$2" 2>/dev/null
}

swap() {
    if ! exists "$DEST"; then
        mv "$NEW" "$DEST" || fail "could not move the new folder to $DEST"
    elif exchange "$NEW" "$DEST"; then
        mv "$NEW" "$STAGE/replaced"
    else
        mv "$DEST" "$STAGE/old" || fail "could not move $DEST aside"
        mv "$NEW" "$DEST" || fail "could not move the new folder to $DEST; the old one is back"
        mv "$STAGE/old" "$STAGE/replaced"
    fi
}

# Before anything is replaced by force: a whole copy, which appears under its name in one step.
keep_copy() {
    KEPT="$BASE/$NAME-kept-$(date +%Y%m%d-%H%M%S)-$$"
    cp -R -P -p "$DEST" "$STAGE/kept" || fail "could not copy $DEST"
    mv "$STAGE/kept" "$KEPT" || fail "could not create $KEPT"
    say "kept a copy of what was there as $KEPT"
}

warn_of_others() {
    PLUGINS="${CLAUDE_CONFIG_DIR:-${HOME:-}/.claude}/plugins/installed_plugins.json"
    if [ "$AGENT" = claude ] && grep -q "\"$NAME@" "$PLUGINS" 2>/dev/null; then
        warn "Claude Code also has this skill as a plugin and will list it twice; remove one: claude plugin uninstall $NAME"
    fi
    [ -n "${HOME:-}" ] || return 0
    for OTHER_AGENT in claude agents gemini opencode; do
        OTHER="$(user_folder "$OTHER_AGENT")/$NAME"
        if [ "$OTHER" != "$DEST" ] && exists "$OTHER"; then
            warn "there is another copy at $OTHER; an agent that reads both folders lists the skill twice"
        fi
    done
}

warn_of_python() {
    if [ -n "$PYTHON" ] && "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then return 0; fi
    warn "the skill's scripts need Python 3.11 or newer as python3; the one found here is older or missing"
}

removal_command() {
    if [ -n "$FROM" ] && [ -f "$FROM/install/install.sh" ]; then
        REMOVE_COMMAND="sh '$SOURCE/install/install.sh' --uninstall$TARGET_OPTIONS"
    else
        REMOVE_COMMAND="curl -fsSL $PAGE/releases/latest/download/install.sh | sh -s -- --uninstall$TARGET_OPTIONS"
    fi
}

install() {
    choose_source
    if [ -n "$DRY_RUN" ]; then
        say "would install $NAME from $SOURCE"
        say "would write $DEST"
        exists "$DEST" && say "would replace what is there, if it is unchanged since it was installed or with --force"
        warn_of_others
        return 0
    fi
    make_folder
    begin
    OBJECTION="$(objection "$STAGE")"
    BACKUP=""
    if [ -n "$OBJECTION" ]; then
        [ -n "$FORCE" ] || fail "$OBJECTION; use --force to replace it (a copy is kept)"
        BACKUP=1
    fi
    OLD_VERSION=""
    if is_ours; then OLD_VERSION="$(receipt_value version)"; fi
    if [ -n "$OLD_VERSION" ] && [ -z "$OBJECTION" ] && [ -n "$EXPECTED" ] && [ "$(receipt_value archive)" = "$EXPECTED" ]; then
        say "$NAME $OLD_VERSION is already installed in $DEST and unchanged"
        return 0
    fi
    if [ -n "$FROM" ] && [ -z "$ARCHIVE" ]; then
        copy_checkout
    else
        [ -n "$FROM" ] || fetch
        unpack
    fi
    inspect
    if [ -n "$OLD_VERSION" ] && [ -z "$OBJECTION" ] && receipt_list "$DEST" | cmp -s - "$STAGE/new"; then
        say "$NAME $OLD_VERSION is already installed in $DEST and unchanged"
        return 0
    fi
    write_receipt
    if is_ours; then
        collect_additions
        keep_additions
    fi
    if [ -n "$BACKUP" ]; then keep_copy; fi
    swap
    removal_command
    if [ -n "$OLD_VERSION" ]; then
        say "updated $NAME from $OLD_VERSION to $NEW_VERSION in $DEST"
    else
        say "installed $NAME $NEW_VERSION in $DEST"
    fi
    warn_of_others
    warn_of_python
    say "  try it:    ask Claude Code: \"Use $NAME to audit this repository.\""
    say "             or run: python3 $DEST/scripts/audit.py PATH"
    say "  remove it: $REMOVE_COMMAND"
}

uninstall() {
    if [ -n "$DRY_RUN" ]; then
        if exists "$DEST"; then say "would remove $DEST, except files that you added"; else say "there is no $NAME in $SKILLS; nothing to remove"; fi
        return 0
    fi
    if [ -d "$SKILLS" ]; then
        begin
    fi
    if ! exists "$DEST" || only_additions; then
        remove_cache
        say "there is no $NAME in $SKILLS; nothing to remove"
        return 0
    fi
    OBJECTION="$(objection "$STAGE")"
    if [ -n "$OBJECTION" ] && [ -z "$FORCE" ]; then
        fail "$OBJECTION; use --force to remove it (a copy is kept)"
    fi
    CREATED=""
    if is_ours; then
        CREATED="$(sed -n '/^created: /p' "$DEST/$RECEIPT")"
        [ -n "$OBJECTION" ] || collect_additions
    fi
    if [ -n "$OBJECTION" ]; then keep_copy; fi
    mv "$DEST" "$STAGE/removed" || fail "could not move $DEST aside"
    if [ -d "$STAGE/keep" ]; then
        mv "$STAGE/keep" "$DEST" || fail "could not put back the files that you added"
        say "left the files that you added in $DEST"
    fi
    say "removed $NAME from $SKILLS"
    remove_cache
    rm -rf "$STAGE"
    remove_created "$CREATED"
    rm -f "$LOCK"
    STAGE="" LOCKED=""
    remove_created "$CREATED"
}

# What an earlier removal left: a folder that holds somebody's files, and no skill.
only_additions() { [ -d "$DEST" ] && [ ! -L "$DEST" ] && ! exists "$DEST/SKILL.md" && ! exists "$DEST/$RECEIPT"; }

# The scripts keep their libraries and results in a cache folder; it goes with the last copy of the skill.
remove_cache() {
    case "${HOME:-}" in /*) ;; *) return 0 ;; esac
    for OTHER_AGENT in claude agents gemini opencode; do
        if exists "$(user_folder "$OTHER_AGENT")/$NAME/SKILL.md"; then return 0; fi
    done
    case "${XDG_CACHE_HOME:-}" in
        /*) CACHE="$XDG_CACHE_HOME/$NAME" ;;
        *) CACHE="$HOME/.cache/$NAME" ;;
    esac
    if [ -d "$CACHE" ] && [ ! -L "$CACHE" ]; then
        rm -rf "$CACHE" && say "removed the cache $CACHE"
    fi
}

check() {
    if ! exists "$DEST"; then
        say "there is no $NAME in $SKILLS"
        return 1
    fi
    CHECK_FOLDER="$(mktemp -d "${TMPDIR:-/tmp}/$NAME.XXXXXX")" || fail "cannot write to the temporary folder"
    OBJECTION="$(objection "$CHECK_FOLDER")"
    rm -rf "$CHECK_FOLDER"
    if [ -n "$OBJECTION" ]; then
        say "$OBJECTION"
        return 1
    fi
    say "$NAME $(receipt_value version) is installed in $DEST and unchanged"
    say "  source: $(receipt_value source)"
    warn_of_others
}

main() {
    read_options "$@"
    choose_target
    find_tools
    STAGE="" LOCKED="" CREATED=""
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
    case "$ACTION" in
        install) install ;;
        uninstall) uninstall ;;
        check) check ;;
    esac
}

{ main "$@"; exit $?; }
