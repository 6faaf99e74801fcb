"""Other libraries, shown as parts of this one; each in a file named after it, and none loaded before it is used."""
