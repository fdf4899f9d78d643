"""A command's settings as a person meets them: listed, explained, given in files and kept beside what came of them."""
