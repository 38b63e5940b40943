/*
 * Has the names by which a library is recognised, and nothing behind them:
 *   -DOMPPOOL   numba's threading layer on OpenMP
 *   -DNETLIB    Netlib's reference BLAS
 *   -DDUCKDB    DuckDB
 *   none        a library of any name
 */

#ifdef OMPPOOL
void *PyInit_omppool(void) { return 0; }
void do_scheduling_unsigned(void) {}
#endif

#ifdef NETLIB
void dgemm_(void) {}
double dcabs1_(const double *z) { return z[0] + z[1]; }
#endif

#ifdef DUCKDB
void duckdb_open(void) {}
#endif

int answer(void) { return 42; }
