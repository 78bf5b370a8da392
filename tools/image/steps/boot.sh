# boot.sh: boot.tar (kernel, its configuration and symbols) and grub.cfg, completed by root-hash -> boot.img.
mkdir -p boot/grub
tar -xf /slipway/in/boot.tar -C boot
sed "s/@ROOT_HASH@/$(< /slipway/in/root-hash)/" /slipway/in/grub.cfg > boot/grub/grub.cfg
# Symbol addresses are for root's eyes.
chmod -R go-rwx boot
tar --sort=name --format=posix --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' \
  --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf boot.tar -C boot .
python3 /slipway/step/label.py boot.tar /boot
bash -eu /slipway/step/shrunk-ext4.sh boot.tar /slipway/out/boot.img "$SIZE_MIB" "$UUID"
