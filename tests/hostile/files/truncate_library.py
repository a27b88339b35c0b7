import os
import this

PATH = this.__file__
refused_or_harm("truncated by path", os.truncate, PATH, 10)
refused_or_harm("truncated on opening", os.open, PATH, os.O_RDONLY | os.O_TRUNC)
refused_or_harm("opened for writing", os.open, PATH, os.O_RDWR)
