"""The environment, read once; a wrong value is refused by name.

Every value may come from NAME or, for secrets, from a file named by NAME_FILE.
"""

from mailfleet.settings.model import Settings, SettingsRefused, load

__all__ = ["Settings", "SettingsRefused", "load"]
