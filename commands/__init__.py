"""The commands of the `csplade` program, one module each, loaded when called."""
