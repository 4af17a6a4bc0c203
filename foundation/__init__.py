"""Code without finance that all packages use: files, arguments, arrays, tolerances, compiled kernels, progress."""
