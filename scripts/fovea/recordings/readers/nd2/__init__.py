"""Nikon's ND2: metadata by the library nd2, pixels straight from the file."""
