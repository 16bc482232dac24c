"""Thin wrappers of acts. Whatever a run logs is masked, from the first import on (law 13)."""

from mailfleet.settings import masking

masking.install()
