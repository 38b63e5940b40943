/*
 * Poses as: one of the many shared libraries of a big process that have nothing
 * to do with threads: build.build_tiny() copies it under other names.
 * Source of truth: none; it needs no libc, so that a copy is small and quick
 * to load.
 */
int tiny_answer(void) { return 42; }
