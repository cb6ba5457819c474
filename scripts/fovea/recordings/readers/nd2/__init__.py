"""Reader of ND2 (Nikon): the library nd2 reads the metadata, this package the pixels."""
