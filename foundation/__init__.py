"""No finance, and all packages stand on it: files, arguments, arrays, tolerances, compiled kernels, progress."""
