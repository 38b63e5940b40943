/*
 * Poses as: a library with one runtime symbol, -DLIAR_SYMBOL=..., and none of
 * its companions: a plug-in with its own wrapper, a stub, an interposer.
 * Source of truth: none; discovery must not take it for a pool, as one symbol
 * proves nothing (docs: companions).
 */
int LIAR_SYMBOL(void) { return 3; }
