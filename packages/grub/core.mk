# Read in place of GRUB's own makefile of its core: all of that, but restricted to the modules that our images hold, a
# tenth of the compile time, and with the one that is ours.
# Usage: make -f core.mk FORMAT=i386-pc MKIMAGE=... core.img; for EFI also KEY_SLOT=... SBAT=... secure.img
modules_i386-pc = acpi biosdisk pci relocator serial terminfo vbe
modules_x86_64-efi = efi_gop relocator tpm
modules_arm64-efi = efi_gop fdt tpm
modules = bankselect configfile echo ext2 linux normal part_gpt reboot sleep $(modules_$(FORMAT))
# What these rest on. The table of dependencies is made from the modules here alone, and fails on a symbol none has.
modules += boot bufio crypto datetime disk extcmd fshelp gcry_crc gettext mmap net priority_queue terminal video \
	video_fb
# Signatures of files. With `pgp` in the core and a key beside it, nothing unsigned is read.
signature_modules = pgp gcry_rsa gcry_sha1 gcry_sha256 mpi
override MODULE_FILES := $(addsuffix .module,$(modules))
override MOD_FILES := $(addsuffix .mod,$(modules))
override MARKER_FILES :=
stages_i386-pc = boot.img diskboot.img lzma_decompress.img
ifneq ($(FORMAT),i386-pc)
override MODULE_FILES += $(addsuffix .module,$(signature_modules))
override MOD_FILES += $(addsuffix .mod,$(signature_modules))
endif

include Makefile

bankselect.module: bankselect.c
	$(COMPILE) $(CPPFLAGS_MODULE) $(CFLAGS_MODULE) -c -o bankselect.o $<
	$(LINK) $(CFLAGS_MODULE) $(LDFLAGS_MODULE) bankselect.o

# To be made first: generated headers, which no rule names as what it needs.
made-headers: $(BUILT_SOURCES)

early-script: $(wildcard $(srcdir)/early-$(FORMAT).cfg) $(srcdir)/early.cfg
	cat $^ > $@

secure-script: $(srcdir)/early-secure.cfg $(srcdir)/early.cfg
	cat $^ > $@

core.img: early-script moddep.lst kernel.img $(MOD_FILES) $(stages_$(FORMAT))
	$(MKIMAGE) --directory=. --format=$(FORMAT) --prefix=/grub --config=early-script --output=$@ $(modules)

secure.img: secure-script moddep.lst kernel.img $(MOD_FILES)
	$(MKIMAGE) --directory=. --format=$(FORMAT) --prefix=/grub --config=secure-script --pubkey=$(KEY_SLOT) \
	  --sbat=$(SBAT) --output=$@ $(modules) $(signature_modules)
