# check-libraries.sh ROOT TRIPLE: every shared library an ELF file of the root asks for must be in the root's library directory
# (or beside the file, as private libraries are). rpm cannot tell: dependencies are written by hand.
set -euo pipefail
root=$1 lib=$1/$2/sys-root/usr/lib
find "$root" -type f \( -perm /111 -o -name '*.so*' \) -not -path '*/lib/modules/*' -print0 |
  { xargs -0 readelf -d /dev/null 2> /dev/null || true; } | # what is no ELF file is an error to it, and none to us
  awk -v lib="$lib" -v root="$root" '
    /^File: / { file = substr($0, 7) }
    /\(NEEDED\)/ && match($0, /\[.*\]/) {
      name = substr($0, RSTART + 1, RLENGTH - 2)
      dir = file; sub(/\/[^\/]*$/, "", dir)
      if (!(name in known)) known[name] = (system("test -e \"" lib "/" name "\"") == 0)
      if (known[name] || system("test -e \"" dir "/" name "\"") == 0) next
      printf "error: %s needs %s, which no installed package provides\n", substr(file, length(root) + 1), name > "/dev/stderr"
      bad = 1
    }
    END { exit bad }'
