#!/bin/bash
# A program of crates.io, in two steps; the second needs no network.
#
#   crate.sh fetch NAME VERSION SHA256   leaves NAME-VERSION.tar.zst: the crate and all it is compiled of
#   crate.sh compile ARCHIVE PROGRAM     leaves /slipway/out/PROGRAM, linked statically: it runs wherever the archive was made
#
# SHA256 is that of the crate as the registry serves it. Its Cargo.lock holds the checksums of all others, and cargo checks them.
set -euo pipefail

fetch() {
  local name=$1 version=$2 sha256=$3
  local crate=$name-$version
  # The one command that fetches a crate which is a program, and nothing else.
  cargo info --registry crates-io "$name@$version" >info.txt
  local packed=("$CARGO_HOME"/registry/cache/*/"$crate.crate")
  echo "$sha256  ${packed[0]}" | sha256sum --check --quiet
  rm -rf "$crate"
  tar -xzf "${packed[0]}"
  cd "$crate"
  mkdir -p .cargo
  cargo vendor --locked --versioned-dirs vendor >.cargo/config.toml
  cd ..
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu -c "$crate" | zstd -q -f -o "$crate.tar.zst"
}

compile() {
  local archive=$1 program=$2 target
  export CARGO_HOME=$PWD/cargo
  target=$(rustc -vV | sed -n 's/^host: //p')
  zstd -dcq "$archive" | tar -x --strip-components=1
  # Named target: then the flags are not for the compiler's own plug-ins, which cannot be static.
  RUSTFLAGS='-C target-feature=+crt-static' CARGO_PROFILE_RELEASE_STRIP=symbols \
    cargo build --release --locked --offline --bin "$program" --target "$target" --jobs "$SLIPWAY_CORES"
  cp "target/$target/release/$program" /slipway/out/
}

"$@"
