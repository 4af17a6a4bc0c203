"""Code without finance that all packages use: files, arguments, arrays, tolerances, compiled kernels, progress."""

from foundation.sets import answer_imports, check_packages

check_packages()
answer_imports()
