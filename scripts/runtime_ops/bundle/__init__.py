"""Check, build and verify the skill's own folder as the archive that users install."""
