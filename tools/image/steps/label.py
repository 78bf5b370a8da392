"""label.py TAR BELOW: gives each entry its SELinux label, as the PAX record that mkfs.erofs makes an attribute of, and in
TAR.labels as commands for debugfs, for mke2fs takes capabilities from a tar and no other attribute.

BELOW is where the tree will be found: / or /boot. libselinux itself looks labels up in /slipway/in/file_contexts, so that the
image and the running system agree; an empty one labels nothing. Errors, all of them told: a path without a label, and a line that
labels a file of an installed package ("# package NAME..." stands above those) and matches none.
"""

import json
import os
import re
import sys
import tarfile

import selinux

CONTEXTS = '/slipway/in/file_contexts'
SOURCE = 'packages/selinux-policy/file_contexts'
INVENTORY = '/usr/share/slipway/application-inventory.json'
PACKAGE = '# package '
LABEL = 'SCHILY.xattr.security.selinux'
REGULAR = 0o100000
KINDS = {
    tarfile.DIRTYPE: 0o40000,
    tarfile.SYMTYPE: 0o120000,
    tarfile.CHRTYPE: 0o20000,
    tarfile.BLKTYPE: 0o60000,
    tarfile.FIFOTYPE: 0o10000,
}


def lines_of(file):
    """Its lines without comments; those stay as empty ones, so that counting gives line numbers."""
    with open(file, encoding='utf8') as lines:
        return ['' if line.startswith('#') and not line.startswith(PACKAGE) else line.strip() for line in lines]


class Labels:
    def __init__(self):
        option = selinux.selinux_opt()
        option.type, option.value = selinux.SELABEL_OPT_PATH, CONTEXTS
        self._handle = selinux.selabel_open(selinux.SELABEL_CTX_FILE, option, 1)
        self._prefixes = [line.split() for line in lines_of(f'{CONTEXTS}.subs_dist') if line]

    def of(self, path, entry):
        try:
            return selinux.selabel_lookup_raw(self._handle, path, KINDS.get(entry.type, REGULAR))[1]
        except FileNotFoundError:
            return None

    def usual_name(self, path):
        """The path as file_contexts writes it, as libselinux sees it too."""
        for prefix, name in self._prefixes:
            if path == prefix or path.startswith(f'{prefix}/'):
                return name + path[len(prefix) :]
        return path


def unmatched(installed, paths):
    """Complaints about lines for files of installed packages that match no path."""
    packages = []
    for number, line in enumerate(lines_of(CONTEXTS), 1):
        if line.startswith(PACKAGE):
            packages = line.removeprefix(PACKAGE).split()
        elif line and (present := [name for name in packages if name in installed]):
            pattern = line.split()[0]
            if not any(map(re.compile(pattern).fullmatch, paths)):
                yield f'{SOURCE}:{number}: error: package {present[0]} has no {pattern}: correct the path, or remove the line'


def label(tar, below):
    labels, paths, installed, errors = Labels(), set(), set(), []
    with (
        tarfile.open(tar) as source,
        tarfile.open(f'{tar}.labelled', 'w', format=tarfile.PAX_FORMAT) as target,
        open(f'{tar}.labels', 'w', encoding='utf8') as commands,
    ):
        for entry in source:
            path = os.path.normpath(os.path.join(below, entry.name))
            paths.add(labels.usual_name(path))
            if path.endswith(INVENTORY):
                installed.update(package['Name'] for package in json.load(source.extractfile(entry))['Content'])
            found = labels.of(path, entry)
            if found is None:
                errors.append(f'{SOURCE}: error: {path} has no label: add a line for it')
            # A further name of a file has no attributes of its own.
            elif not entry.islnk():
                entry.pax_headers[LABEL] = found
                print(f'ea_set "/{entry.name}" security.selinux {found}', file=commands)
            target.addfile(entry, source.extractfile(entry) if entry.isreg() else None)
    os.rename(f'{tar}.labelled', tar)
    return errors + list(unmatched(installed, paths))


if os.path.getsize(CONTEXTS) > 0:
    complaints = label(*sys.argv[1:])
    sys.exit('\n'.join(complaints) or None)
