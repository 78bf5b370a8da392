# unpack.sh JOBS PACKAGE...: Debian packages, base-files first -> /slipway/out/root
# /slipway/in/drop holds patterns of paths to leave out, /slipway/in/links lines "path<tab>target",
# /slipway/in/join lines "path<tab>directory<tab>suffix".
set -euo pipefail
shopt -s globstar nullglob
jobs=$1 base=$2
shift 2
root=/slipway/out/root
mkdir "$root"

# Nobody owns a root, so owners and set-user bits mean nothing; without them the tree is the same whoever unpacks it.
# A link that stands for a directory (/lib64) stays a link when a package brings that directory.
unpack() {
  dpkg-deb --fsys-tarfile "/slipway/in/$1" |
    tar --extract --directory "$root" --no-same-owner --no-same-permissions --keep-directory-symlink \
      --anchored --wildcards --exclude-from=/slipway/in/drop
  echo "$1"
}

# base-files alone: the others' files go through the links it makes. No two others share a file, so their order is free.
unpack "$base"
running=0
for package; do
  if ((running == jobs)); then
    wait -n
    ((running -= 1))
  fi
  unpack "$package" &
  ((running += 1))
done
for ((; running > 0; running -= 1)); do wait -n; done

while IFS=$'\t' read -r path target; do
  mkdir -p "$root/${path%/*}"
  ln -sf "$target" "$root/$path"
done </slipway/in/links

while IFS=$'\t' read -r path directory suffix; do
  mkdir -p "$root/${path%/*}"
  cat "$root/$directory"/**/*"$suffix" >"$root/$path"
done </slipway/in/join
