/*
 * Poses as: what numpy's and scipy's extension modules are: a library that
 * NEEDS an OpenBLAS and refers to its symbols, but defines none of them.
 * Source of truth: ELF gABI, "Symbol Table": such entries have
 * st_shndx == SHN_UNDEF. dlsym() on it still finds the dependency's symbols.
 */
int openblas_get_num_threads(void);
void openblas_set_num_threads(int threads);
const char *openblas_get_config(void);

int needs_openblas_threads(void) { return openblas_get_num_threads(); }
void needs_openblas_limit(int threads) { openblas_set_num_threads(threads); }
const char *needs_openblas_config(void) { return openblas_get_config(); }
