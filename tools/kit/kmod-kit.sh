# kmod-kit.sh ARCH: the kernel's development tree and a toolchain -> kmod-kit.tar.xz, below kmod-kit-<uname -r>-ARCH/. The tree is
# prepared by the kit itself, so a module can be built at once.
arch=$1
tar -xf /slipway/in/kernel/*-linux-gnu/sys-root/usr/share/*/kernel-devel.tar.xz
name=kmod-kit-$(cat kernel-devel/include/config/kernel.release)-$arch
mkdir "$name"
mv kernel-devel "$name"
bash -euo pipefail /slipway/step/toolchain.sh "$arch" "$PWD/$name/toolchain"
case $arch in x86_64) kernel_arch=x86 ;; aarch64) kernel_arch=arm64 ;; esac
sed "s/@ARCH@/$kernel_arch/; s/@CROSS_COMPILE@/$arch-linux-gnu-/" /slipway/step/kmake > "$name/kmake"
chmod 755 "$name/kmake"
# For makefiles that call make with an environment of their own, as Falco's do to try the kernel.
sed -i "1a ARCH ?= $kernel_arch\nCROSS_COMPILE ?= $arch-linux-gnu-" "$name/kernel-devel/Makefile"

# Where there is no vmlinux, modules are built without types of their own (BTF): so the program that writes them is not made.
KBUILD_BUILD_TIMESTAMP="@$SOURCE_DATE_EPOCH" KBUILD_BUILD_USER=kit KBUILD_BUILD_HOST=kit \
  "$name/kmake" -s -j"$SLIPWAY_CORES" -C "$name/kernel-devel" CONFIG_DEBUG_INFO_BTF= modules_prepare
# How they were made is of no use: names of headers that are elsewhere on another machine, and what has been linked already.
find "$name/kernel-devel/scripts" "$name/kernel-devel/tools" \( -name '.*.cmd' -o -name '*.o' -o -name '*.a' -o -name '.*.d' \) -delete

# The block-wise coder's output does not depend on the number of threads; with + it is that coder for a single one, too.
tar --sort=name --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --mtime="@$SOURCE_DATE_EPOCH" \
  --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX,go-w -c "$name" |
  xz -T "+$SLIPWAY_CORES" --block-size=16MiB > /slipway/out/kmod-kit.tar.xz
