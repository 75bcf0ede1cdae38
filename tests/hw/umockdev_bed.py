"""A USB bus that umockdev makes up, run by Debian's own Python under ``umockdev-wrapper``; see ``umockdev.py`` here.

Says where its make-believe ``/sys`` and ``/dev`` are, then does what each line of standard input says, a JSON list of a
method's name and its arguments, and answers ``null`` or what went wrong.
"""

import json
import sys

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402 # needs its version first


class Bed:
    """Devices by a name of the test's own."""

    def __init__(self):
        self.testbed = UMockdev.Testbed.new()
        self.paths = {}

    def add(self, name, subsystem, sys_name, parent, attributes, properties):
        """Put a device into sysfs; umockdev sends its ``add``."""
        flat = [[word for pair in pairs.items() for word in pair] for pairs in (attributes, properties)]
        # A parent's path goes without the testbed's own folder.
        self.paths[name] = self.testbed.add_device(subsystem, sys_name, self.paths.get(parent), *flat)

    def attribute(self, name, attribute, hexadecimal):
        """Have an attribute of sysfs read as these bytes."""
        self.testbed.set_attribute_binary(self.paths[name], attribute, bytes.fromhex(hexadecimal))

    def uevent(self, name, action):
        """An event, with the properties that the device has now."""
        self.testbed.uevent(self.paths[name], action)

    def without_ids(self, name):
        """What a ``remove`` is like: the properties that told who it was are gone."""
        for word in ("ID_VENDOR_ID", "ID_MODEL_ID", "ID_SERIAL_SHORT"):
            self.testbed.set_property(self.paths[name], word, "")

    def remove(self, name):
        """Take a device out of sysfs, and say so."""
        path = self.paths.pop(name)
        self.testbed.uevent(path, "remove")
        self.testbed.remove_device(path)


bed = Bed()
print(bed.testbed.get_root_dir(), flush=True)
for line in sys.stdin:
    method, *arguments = json.loads(line)
    answer = None
    try:
        getattr(bed, method)(*arguments)
    except Exception as error:
        answer = repr(error)
    print(json.dumps(answer), flush=True)
