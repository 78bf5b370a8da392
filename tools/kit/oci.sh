# oci.sh: kmod-kit.tar.xz -> kit.oci.tar, an OCI image layout (image-spec 1.1) with the kit at /kit and kmake as what it runs. Two
# layers: the toolchain, which most kernels share, and the kernel's tree.
mkdir unpacked root layout
tar -xf /slipway/in/kit -C unpacked
name=$(ls unpacked)
mv "unpacked/$name" root/kit
release=$(cat root/kit/kernel-devel/include/config/kernel.release)

# The kit's own programs are all there is: /bin/sh, which starts their scripts, and the loader that starts /bin/sh.
ln -s kit/toolchain/usr root/usr
# The loader is named by the programs: /lib64/... on x86_64, /lib/... on aarch64.
lib=lib64 platform=amd64
if [ ! -e root/kit/toolchain/usr/lib64 ]; then lib=lib platform=arm64; fi
ln -s usr/$lib root/$lib
mkdir root/bin root/module
ln -s ../usr/bin/.real/dash root/bin/sh
ln -s ../usr/bin/.real/bash root/bin/bash
mkdir -m 1777 root/tmp

blobs=layout/blobs/sha256
mkdir -p $blobs
add() { # add FILE: moves it in, and says its digest
  local digest
  digest=$(sha256sum < "$1")
  mv "$1" "$blobs/${digest%% *}"
  echo "${digest%% *}"
}
layer() { # layer PATH...: sets diff to the digest of its tar, blob to that of the compressed one
  tar --sort=name --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --mtime="@$SOURCE_DATE_EPOCH" \
    --owner=0 --group=0 --numeric-owner -cf layer.tar -C root "$@"
  diff=$(sha256sum < layer.tar)
  diff=${diff%% *}
  gzip -n < layer.tar > layer.tar.gz
  size=$(stat -c %s layer.tar.gz)
  blob=$(add layer.tar.gz)
  rm layer.tar
}
layer bin $lib module tmp usr kit/toolchain
first=$diff layers="{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:$blob\",\"size\":$size}"
layer kit/kernel-devel kit/kmake
layers="$layers,{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:$blob\",\"size\":$size}"

created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
# The programs run on the machine that made them, whatever they build for.
printf '{"created":"%s","architecture":"%s","os":"linux","config":{"Env":["PATH=/usr/bin:/bin"],"Entrypoint":["/kit/kmake"],"WorkingDir":"/module","Labels":{"org.opencontainers.image.title":"%s","org.opencontainers.image.version":"%s"}},"rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]},"history":[{"created":"%s","created_by":"toolchain"},{"created":"%s","created_by":"kernel-devel"}]}' \
  "$created" "$platform" "$name" "$release" "$first" "$diff" "$created" "$created" > config
size=$(stat -c %s config)
config=$(add config)
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[%s]}' \
  "$config" "$size" "$layers" > manifest
size=$(stat -c %s manifest)
manifest=$(add manifest)
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"platform":{"architecture":"%s","os":"linux"},"annotations":{"org.opencontainers.image.ref.name":"%s","io.containerd.image.name":"localhost/kmod-kit:%s"}}]}' \
  "$manifest" "$size" "$platform" "${name#kmod-kit-}" "${name#kmod-kit-}" > layout/index.json
printf '{"imageLayoutVersion":"1.0.0"}' > layout/oci-layout

tar --sort=name --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX,go-w \
  -cf /slipway/out/kit.oci.tar -C layout blobs index.json oci-layout
