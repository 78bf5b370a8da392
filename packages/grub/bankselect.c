/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bankselect PARTVAR UUIDVAR [DISK]: choose the boot partition of a disk with two banks.
 *
 * Each boot partition carries the state of its bank in its GPT attributes: a priority, the boot attempts left, and
 * whether a boot from it ever succeeded. Of the banks that succeeded or have an attempt left, the one of the highest
 * priority is chosen. An attempt is taken off on the disk before the bank is used, so a bank that never comes up
 * loses its turn; that is all an update or a rollback has to rely on.
 *
 * GPT is kept twice. A damaged or outdated copy is rewritten from the good one before anything else, and every change
 * reaches the backup before the primary (UEFI 2.10, 5.3.2): power lost in between leaves one whole copy.
 */

#include <grub/command.h>
#include <grub/crypto.h>
#include <grub/disk.h>
#include <grub/dl.h>
#include <grub/env.h>
#include <grub/gpt_partition.h>
#include <grub/i18n.h>
#include <grub/misc.h>
#include <grub/mm.h>

GRUB_MOD_LICENSE("GPLv3+");

#ifdef GRUB_CPU_WORDS_BIGENDIAN
#error "The table is little-endian and read in place"
#endif

#define PRIMARY_LBA 1
/* Where the primary's entries lie by convention; only the primary's header, which may be lost, could tell. */
#define PRIMARY_ENTRIES_LBA 2
/* A header that asks for more is no header: 128 entries, which is what everybody writes, take 16 KiB. */
#define MAX_ENTRIES_SIZE (1 << 20)

#define PRIORITY(attributes) (((attributes) >> 48) & 15)
#define TRIES(attributes) (((attributes) >> 52) & 15)
#define ONE_TRY (1ULL << 52)
#define SUCCESSFUL(attributes) (((attributes) >> 56) & 1)

/* 6b636168-7420-6568-2070-6c616e657421 in the byte order of the disk. */
static const char boot_type[] = "hack the planet!";

/* One copy of the table: the sector with its header, and its entries. */
struct table {
  struct grub_gpt_header *header;
  char *entries;
};

static grub_size_t entries_size(const struct table *table) {
  return table->header->maxpart * table->header->partentry_size;
}

static struct grub_gpt_partentry *get_entry(const struct table *table, unsigned index) {
  return (void *)(table->entries + index * table->header->partentry_size);
}

static grub_uint32_t crc32(const void *data, grub_size_t size) {
  grub_uint32_t crc;

  grub_crypto_hash(GRUB_MD_CRC32, &crc, data, size);
  return grub_be_to_cpu32(crc);
}

/* The header's checksum is taken as if its own field were zero. */
static grub_uint32_t header_crc(struct grub_gpt_header *header) {
  grub_uint32_t crc, stored = header->crc32;

  header->crc32 = 0;
  crc = crc32(header, header->headersize);
  header->crc32 = stored;
  return crc;
}

static int is_sound(struct grub_gpt_header *header, grub_disk_addr_t lba, grub_size_t sector_size) {
  return grub_memcmp(header->magic, "EFI PART", sizeof(header->magic)) == 0
    && header->headersize >= sizeof(*header) && header->headersize <= sector_size
    && header->crc32 == header_crc(header)
    && header->primary == lba
    && header->partentry_size >= sizeof(struct grub_gpt_partentry)
    && header->partentry_size % sizeof(struct grub_gpt_partentry) == 0
    && (grub_uint64_t)header->maxpart * header->partentry_size <= MAX_ENTRIES_SIZE;
}

static void forget(struct table *table) {
  grub_free(table->header);
  grub_free(table->entries);
  table->header = NULL;
  table->entries = NULL;
}

static int read_header(grub_disk_t disk, grub_disk_addr_t lba, struct table *table) {
  grub_size_t size = 1 << disk->log_sector_size;

  table->header = grub_malloc(size);
  return table->header
    && grub_disk_read(disk, grub_disk_from_native_sector(disk, lba), 0, size, table->header) == GRUB_ERR_NONE
    && is_sound(table->header, lba, size);
}

static int read_entries(grub_disk_t disk, struct table *table) {
  grub_disk_addr_t sector = grub_disk_from_native_sector(disk, table->header->partitions);
  grub_size_t size = entries_size(table);

  table->entries = grub_malloc(size);
  return table->entries
    && grub_disk_read(disk, sector, 0, size, table->entries) == GRUB_ERR_NONE
    && crc32(table->entries, size) == table->header->partentry_crc32;
}

/* Whether the copy at LBA is whole. A sector that cannot be read is damage like any other, not an error here. */
static int read_table(grub_disk_t disk, grub_disk_addr_t lba, struct table *table) {
  if (read_header(disk, lba, table) && read_entries(disk, table))
    return 1;
  forget(table);
  grub_errno = GRUB_ERR_NONE;
  return 0;
}

/* Entries first: without the header that knows their checksum they count for nothing. */
static grub_err_t write_table(grub_disk_t disk, struct table *table) {
  struct grub_gpt_header *header = table->header;
  grub_disk_addr_t entries_at = grub_disk_from_native_sector(disk, header->partitions);
  grub_disk_addr_t header_at = grub_disk_from_native_sector(disk, header->primary);
  grub_size_t size = entries_size(table);
  grub_err_t err;

  header->partentry_crc32 = crc32(table->entries, size);
  header->crc32 = header_crc(header);
  err = grub_disk_write(disk, entries_at, 0, size, table->entries);
  return err ? err : grub_disk_write(disk, header_at, 0, 1 << disk->log_sector_size, header);
}

/* Turn a copied header into its counterpart. The backup's entries end right before its header. Both lie outside the
   usable blocks: a table that leaves no room for its other copy must not overwrite a partition. */
static int swap_sides(struct grub_gpt_header *header, grub_uint64_t entries_sectors) {
  grub_uint64_t here = header->primary;

  header->primary = header->backup;
  header->backup = here;
  if (header->primary == PRIMARY_LBA) {
    header->partitions = PRIMARY_ENTRIES_LBA;
    return header->partitions + entries_sectors <= header->start;
  }
  header->partitions = header->primary - entries_sectors;
  return here == PRIMARY_LBA && header->primary > header->end + entries_sectors;
}

static grub_err_t restore(grub_disk_t disk, const struct table *good, struct table *damaged) {
  grub_size_t sector_size = 1 << disk->log_sector_size;
  grub_size_t size = entries_size(good);

  damaged->header = grub_malloc(sector_size);
  damaged->entries = grub_malloc(size);
  if (!damaged->header || !damaged->entries)
    return grub_errno;
  grub_memcpy(damaged->header, good->header, sector_size);
  grub_memcpy(damaged->entries, good->entries, size);
  if (!swap_sides(damaged->header, ALIGN_UP(size, sector_size) >> disk->log_sector_size))
    return grub_error(GRUB_ERR_BAD_PART_TABLE, N_("no room for the other GPT of `%s'"), disk->name);
  grub_printf("bankselect: restoring the GPT of %s at sector %" PRIuGRUB_UINT64_T "\n", disk->name,
              damaged->header->primary);
  return write_table(disk, damaged);
}

static int agree(const struct grub_gpt_header *a, const struct grub_gpt_header *b) {
  return a->primary == b->backup && a->backup == b->primary
    && a->start == b->start && a->end == b->end
    && a->maxpart == b->maxpart && a->partentry_size == b->partentry_size
    && a->partentry_crc32 == b->partentry_crc32
    && grub_memcmp(a->guid, b->guid, sizeof(a->guid)) == 0;
}

/* Read both copies and make them one. Two whole copies that differ come from a change that did not reach the primary,
   which therefore never took effect: the primary wins. */
static grub_err_t load(grub_disk_t disk, struct table *primary, struct table *backup) {
  int primary_good = read_table(disk, PRIMARY_LBA, primary);
  grub_disk_addr_t backup_lba = primary_good ? primary->header->backup : disk->total_sectors - 1;
  int backup_good = read_table(disk, backup_lba, backup);

  if (primary_good && backup_good && agree(primary->header, backup->header))
    return GRUB_ERR_NONE;
  if (primary_good) {
    forget(backup);
    return restore(disk, primary, backup);
  }
  if (backup_good)
    return restore(disk, backup, primary);
  return grub_error(GRUB_ERR_BAD_PART_TABLE, N_("both GPTs of `%s' are damaged"), disk->name);
}

/* The priority of a partition among the banks; 0, which no bank to boot has, if it is none or may not be tried. */
static unsigned rank(const struct grub_gpt_partentry *entry) {
  if (grub_memcmp(&entry->type, boot_type, sizeof(entry->type)) != 0)
    return 0;
  if (!TRIES(entry->attrib) && !SUCCESSFUL(entry->attrib))
    return 0;
  return PRIORITY(entry->attrib);
}

/* The index of the bank to boot, or -1. */
static int choose(const struct table *table) {
  unsigned index, highest = 0;
  int bank = -1;

  for (index = 0; index < table->header->maxpart; index++) {
    if (rank(get_entry(table, index)) > highest) {
      highest = rank(get_entry(table, index));
      bank = index;
    }
  }
  return bank;
}

static grub_err_t spend_try(grub_disk_t disk, struct table *primary, struct table *backup, int bank) {
  grub_err_t err;

  get_entry(primary, bank)->attrib -= ONE_TRY;
  get_entry(backup, bank)->attrib -= ONE_TRY;
  err = write_table(disk, backup);
  return err ? err : write_table(disk, primary);
}

/* Takes VALUE, fresh from grub_xasprintf, over; it is NULL where memory ran out. */
static void set_variable(const char *name, char *value) {
  if (value)
    grub_env_set(name, value);
  grub_free(value);
}

static void report(grub_disk_t disk, const struct table *table, int bank, char **names) {
  const grub_guid_t *id = &get_entry(table, bank)->guid;
  const grub_uint8_t *rest = id->data4;

  set_variable(names[0], grub_xasprintf("%s,gpt%d", disk->name, bank + 1));
  set_variable(names[1], grub_xasprintf("%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", id->data1, id->data2,
                                        id->data3, rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6],
                                        rest[7]));
}

static void select_bank(grub_disk_t disk, struct table *primary, struct table *backup, char **names) {
  int bank;

  if (load(disk, primary, backup))
    return;
  bank = choose(primary);
  if (bank < 0)
    grub_error(GRUB_ERR_UNKNOWN_DEVICE, N_("no bootable bank on `%s'"), disk->name);
  else if (!TRIES(get_entry(primary, bank)->attrib) || spend_try(disk, primary, backup, bank) == GRUB_ERR_NONE)
    report(disk, primary, bank, names);
}

/* The disk that DEVICE, such as hd0 or hd0,gpt2, is or lies on. */
static grub_disk_t open_disk(const char *device) {
  grub_disk_t disk = NULL;
  char *name = grub_strdup(device ? device : "");
  char *comma = name ? grub_strchr(name, ',') : NULL;

  if (comma)
    *comma = '\0';
  if (name)
    disk = grub_disk_open(name);
  grub_free(name);
  return disk;
}

static grub_err_t bankselect(grub_command_t cmd __attribute__((unused)), int argc, char **args) {
  struct table primary = {NULL, NULL}, backup = {NULL, NULL};
  grub_disk_t disk;

  if (argc < 2 || argc > 3)
    return grub_error(GRUB_ERR_BAD_ARGUMENT, N_("two variable names and at most a disk expected"));
  grub_env_unset(args[0]);
  grub_env_unset(args[1]);
  disk = open_disk(argc == 3 ? args[2] : grub_env_get("root"));
  if (!disk)
    return grub_errno;
  select_bank(disk, &primary, &backup, args);
  forget(&primary);
  forget(&backup);
  grub_disk_close(disk);
  return grub_errno;
}

static grub_command_t command;

GRUB_MOD_INIT(bankselect) {
  command = grub_register_command("bankselect", bankselect, N_("PARTVAR UUIDVAR [DISK]"),
                                  N_("Choose the bank to boot from the attributes of the boot partitions."));
}

GRUB_MOD_FINI(bankselect) {
  grub_unregister_command(command);
}
