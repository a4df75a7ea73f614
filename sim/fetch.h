// Memory that will be wanted soon.
#pragma once

// Asks the processor to bring the line of `at`, to be written; changes nothing. Compilers take a function that only
// prefetches for one without effect, and leave out calls of it: the empty statement tells them otherwise.
static inline void tw_fetch(const void *at)
{
    __builtin_prefetch(at, 1);
    __asm__ volatile("");
}
