# take-chain.sh: boot.img and esp.img -> what is loaded from them: boot.efi, grub.efi (empty where there is none), grub.cfg, vmlinuz.
bash -eu /slipway/step/take-loaders.sh
for file in grub/grub.cfg vmlinuz; do
  debugfs -R "dump /$file /slipway/out/${file##*/}" /slipway/in/boot.img 2>&1 | { grep -vE '^debugfs( |:)' || true; } >&2
done
