// How the region table lays out one region in its buffer of 32-bit integers.

/** One region is one cache line: digest, span, count, first point, then where the rest lies. */
export const RECORD = 16;
export const SPAN = 4;
export const COUNT = 5;
export const FIRST = 6;
export const WORDS = 7; // index into the words
export const CLASSES = 8; // the only class, or start of the block of several
export const CLASS_SIZE = 9;
export const CLASS_COUNT = 10; // count of the only class
export const EXEMPLARS = 11; // hash of the only exemplar, or start of the block of several
export const EXEMPLAR_SIZE = 12;
export const WORST = 13; // largest hash of the exemplars
