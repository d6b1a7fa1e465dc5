/**
 * How the executable's V8 manages memory. Left alone, its young generation grows to 32 MB twice over; what is parsed out
 * of a thousand first reports, all of it kept, teaches it to allocate whatever is parsed after that straight in the old
 * generation; and that one may double before it is collected: several times the memory for the same work.
 *
 * A code cache is only accepted by a V8 with the same flags, so everything that makes or uses one takes them from here.
 */
export const V8_FLAGS = ['--max-semi-space-size=8', '--no-allocation-site-pretenuring', '--heap-growing-percent=50'];
