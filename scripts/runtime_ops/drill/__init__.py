"""The drill: runs one program, as the platform would, through the scenarios of its life, each in a fresh process."""
