# install-root.sh TRIPLE OSNAME: RPMs in /slipway/rpms -> /slipway/out/{root.tar,boot.tar,inventory.json,packages.json}.
# rpm itself judges dependencies, conflicts and file clashes; its database is dropped:
# nobody installs anything into this root again.
set -euo pipefail
triple=$1 osname=$2
root=/slipway/build/root
mkdir -p "$root"
rpm --root "$root" --dbpath /rpm-database --nosignature --ignorearch -i /slipway/rpms/*.rpm
rm -r "$root/rpm-database"

bash /slipway/step/check-libraries.sh "$root" "$triple"

# Inventory in the form that scanners of such hosts read. InstalledTime is the clock of the build, the same for everybody.
when=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
rpm -qp --nosignature --qf '%{NAME}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\t%{URL}\t%{SUMMARY}\n' /slipway/rpms/*.rpm | sort |
  jq -R -s --arg when "$when" --arg os "$osname" '{Content: [split("\n")[] | select(. != "") | split("\t") | {
    Name: (.[0] | ltrimstr("slipway-")), Publisher: $os, Version: .[1], Release: .[2], Epoch: "0", InstalledTime: $when,
    ApplicationType: "Unspecified", Architecture: .[3], Url: .[4], Summary: .[5]}]}' > /slipway/out/inventory.json
[ "$(jq '.Content | length' /slipway/out/inventory.json)" = "$(ls /slipway/rpms | wc -l)" ]
# What takes the room, for whoever watches the size of an image.
rpm -qp --nosignature --qf '%{NAME}\t%{VERSION}-%{RELEASE}\t%{LONGSIZE}\n' /slipway/rpms/*.rpm | sort |
  jq -R -s '[split("\n")[] | select(. != "") | split("\t") | {
    name: (.[0] | ltrimstr("slipway-")), version: .[1], bytes: (.[2] | tonumber)}]' > /slipway/out/packages.json
install -D -m 0644 /slipway/out/inventory.json "$root/usr/share/slipway/application-inventory.json"

pack() { # pack FILE DIR: sorted, owned by root, no time but the build's clock
  tar --sort=name --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
    --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf "$1" -C "$2" .
}
mv "$root/boot" /slipway/build/boot
mkdir -m 0755 "$root/boot"
pack /slipway/out/boot.tar /slipway/build/boot
chmod 0555 "$root"
pack /slipway/out/root.tar "$root"
