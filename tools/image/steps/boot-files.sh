# boot-files.sh DIR: boot.tar (kernel, its configuration and symbols), and grub.cfg completed by root-hash where there is one.
mkdir -p "$1/grub"
tar -xf /slipway/in/boot.tar -C "$1"
if [ -e /slipway/in/grub.cfg ]; then
  sed "s/@ROOT_HASH@/$(< /slipway/in/root-hash)/" /slipway/in/grub.cfg > "$1/grub/grub.cfg"
fi
