/*
 * Poses as LightGBM: a maximum for its own regions (include/LightGBM/c_api.h,
 * src/utils/openmp_wrapper.cpp), -1 where there is none.
 */

static int most = -1;

int LGBM_SetMaxThreads(int threads) {
    most = threads <= 0 ? -1 : threads;
    return 0;
}

int LGBM_GetMaxThreads(int *out) {
    *out = most;
    return 0;
}

/* How many threads a fit runs that asks for so many. */
int fit(int threads) { return most > 0 && threads > most ? most : threads; }
