"""A stand-in of Trackastra 0.5.6: its signatures, names and files, without a network."""
