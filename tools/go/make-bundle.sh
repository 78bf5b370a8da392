#!/bin/bash
# Gathers a Go program and all it is compiled of into one directory that builds without network, and packs that:
#
#   make-bundle.sh DIRECTORY accept|refuse MODULE VERSION PACKAGE... -- [MODULE@VERSION...]
#
# The directory becomes a module of its own that imports PACKAGE. It takes over what MODULE's own go.mod requires, replaces and
# excludes, so that upstream's choice of versions stays; the modules after `--` are then set to other versions. It starts without
# a go.sum: every module is looked up in the checksum database, and afterwards compared with what MODULE's go.sum says of it.
# A version that its author took back is refused or accepted. The archive is DIRECTORY.tar, the same bytes on every machine.
set -euo pipefail
dir=$1 retracted=$2 module=$3 version=$4
shift 4
packages=() pins=()
while (($#)) && [[ $1 != -- ]]; do packages+=("$1"); shift; done
shift
pins=("$@")

# Two lines of go.sum for one module and version must have one hash.
compare_sums() {
  awk 'NR == FNR { upstream[$1 " " $2] = $3; next }
    ($1 " " $2) in upstream && upstream[$1 " " $2] != $3 {
      print "go: " $1 "@" $2 ": checksum mismatch: " FILENAME " has " $3 ", the go.sum of the program " upstream[$1 " " $2] > "/dev/stderr"
      bad = 1
    }
    END { exit bad }' "$1" "$2"
}

rm -rf "$dir"
mkdir -p "$dir"
cd "$dir"
go mod download -json "$module@$version" > ../download.json || { sed -n 's/^\t"Error": "\(.*\)",\?$/go: \1/p' ../download.json >&2; exit 1; }
if [[ $retracted == refuse ]]; then
  why=$(go list -m -retracted -f '{{with .Retracted}}{{range .}}{{.}} {{end}}.{{end}}' "$module@$version")
  [[ -z $why ]] || { echo "go: $module@$version: retracted by its author: ${why% .}" >&2; exit 1; }
fi
source=$(sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p' ../download.json)
upstream_sum=$source/go.sum
# What is not yet a proper module to itself, such as docker, keeps the same two files under other names.
if [[ -f $source/vendor.mod ]]; then
  install -m 644 "$source/vendor.mod" go.mod
  upstream_sum=$source/vendor.sum
elif [[ -f $source/go.mod ]]; then
  install -m 644 "$source/go.mod" go.mod
else
  printf 'module m\n' > go.mod
fi
# Folders of upstream's repository are no part of its module. Those that Kubernetes calls staging/ are published as v0.<minor>.<patch>;
# of others the version is taken that is required.
staging=v0${version#v1}
sed -E -i -e "s#^([[:space:]]*(replace )?(k8s\.io/[^ ]+)( [^ ]+)?) => \./staging/src/.*#\1 => \3 $staging#" -e '/=> \.\.?\//d' go.mod
go mod edit -module=slipway.invalid/bundle -toolchain=none "-require=$module@$version"
{
  printf '//go:build bundle\n// +build bundle\n\npackage bundle\n\nimport (\n'
  printf '\t_ "%s"\n' "${packages[@]}"
  printf ')\n'
} > bundle.go
export GOFLAGS=-mod=mod\ -modcacherw
# Kubernetes replaces each module by itself at one version, which would go before what is required.
for pin in "${pins[@]}"; do go mod edit "-dropreplace=${pin%@*}"; done
for pin in "${pins[@]}"; do go get "$pin"; done
go get "${packages[@]/%/@$version}"
for pin in "${pins[@]}"; do
  found=$(go list -m -f '{{.Version}}' "${pin%@*}")
  [[ $found == "${pin#*@}" ]] || { echo "go: ${pin%@*}: the program requires $found, which is newer than the pinned ${pin#*@}" >&2; exit 1; }
  instead=$(go list -m -f '{{with .Replace}}{{.Path}} {{.Version}}{{end}}' "${pin%@*}")
  [[ -z $instead ]] || { echo "go: ${pin%@*}: the program replaces $found by $instead, which goes before the pinned ${pin#*@}" >&2; exit 1; }
done
go mod vendor
if [[ -f $upstream_sum ]]; then compare_sums "$upstream_sum" go.sum; fi

cd ..
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u+rw,go=r,a+X --format=gnu -cf "$dir.tar" "${dir##*/}"
