// Threads that stay together through many short loops: a loop of some hundred microseconds has no start of its own to
// pay, and none waits for a thread that has not come.
//
// The caller goes on alone between the loops; the others wait for them and help. The parts of a loop are shared out in
// equal runs, the same for every loop of as many parts, so that each thread finds its own in its cache; who is done
// takes of the others' from their far end. A loop ends when all its parts are done: a thread that other work holds up
// delays the part that it has at hand, no more, and one that does not wake delays nothing. Who waits for a loop spins
// for some ten microseconds, then sleeps; OMP_WAIT_POLICY has no say in it, the number of threads is OpenMP's.
//
// Parts may not depend on one another: the result is the same for any number of threads where each writes its own.
#pragma once

#include <stdbool.h>

typedef struct TwTeam TwTeam;
typedef void TwTeamPart(void *what, int part);

// Threads start when they are first needed. NULL: no memory.
TwTeam *tw_team_create(void);
void tw_team_destroy(TwTeam *team);

// How many threads a caller may have here: those of an OpenMP region that it would open.
int tw_team_threads(void);

// Takes the team for loops on so many threads. NULL: alone, since threads is 1 or another caller has it.
TwTeam *tw_team_open(TwTeam *team, int threads);
void tw_team_close(TwTeam *team);

// Calls work for each part from 0 to parts - 1; returns when all are done. Not from a part. team NULL: alone.
// Loops go forth and back by turns: what one had last the next finds in its cache.
void tw_team_each(TwTeam *team, int parts, TwTeamPart *work, void *what);
