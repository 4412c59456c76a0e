"""Export stores (folder, Blob Storage) and the printable statement."""
