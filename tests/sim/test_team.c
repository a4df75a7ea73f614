#include "sim/team.h"
#include "tests/check.h"

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { MOST = 1000 };

typedef struct Count {
    int times[MOST];
    double value[MOST];
} Count;

static void count(void *what, int part)
{
    Count *c = what;
    c->times[part]++;
    for (int i = 0; i < 50; i++) c->value[part] = 0.5 * c->value[part] + part;
}

// loops of any length, one after the other: no part is left out, none done twice, each sees what the loop before wrote
static void each_part_once(int threads)
{
    static const int lengths[] = {0, 1, 2, 3, 7, 64, 125, MOST};
    static Count c;
    TwTeam *team = tw_team_create();
    int wrong = 0;
    for (int k = 0; k < 8; k++) {
        c = (Count){0};
        TwTeam *open = tw_team_open(team, threads);
        CHECK((open != NULL) == (threads > 1));
        for (int loop = 0; loop < 200; loop++) tw_team_each(open, lengths[k], count, &c);
        tw_team_close(open);
        double expected = 0.0;
        for (int i = 0; i < 200 * 50; i++) expected = 0.5 * expected + 1.0;
        for (int i = 0; i < MOST; i++) wrong += c.times[i] != (i < lengths[k] ? 200 : 0);
        for (int i = 0; i < lengths[k]; i++) wrong += c.value[i] != expected * i;
    }
    CHECK(wrong == 0);
    tw_team_destroy(team);
}

static void nap(void) { nanosleep(&(struct timespec){0, 5000000}, NULL); }

// helpers that fell asleep between loops come back, also for fewer and more threads than before
static void asleep_and_awake(void)
{
    static Count c;
    TwTeam *team = tw_team_create();
    for (int k = 0; k < 8; k++) {
        TwTeam *open = tw_team_open(team, 2 + 3 * (k % 3));
        nap();
        for (int loop = 0; loop < 3; loop++) tw_team_each(open, 100, count, &c);
        tw_team_close(open);
    }
    for (int i = 0; i < 100; i++) CHECK(c.times[i] == 24);
    tw_team_destroy(team);
}

typedef struct Meeting {
    atomic_int there;
} Meeting;

// waits until another thread has a part of the same loop, ten seconds at most
static void meet(void *what, int part)
{
    Meeting *m = what;
    (void)part;
    atomic_fetch_add(&m->there, 1);
    for (int i = 0; i < 2000 && atomic_load(&m->there) < 2; i++) nap();
}

static void threads_work_at_once(void)
{
    TwTeam *team = tw_team_create(), *open = tw_team_open(team, 2);
    Meeting m = {0};
    tw_team_each(open, 2, meet, &m);
    CHECK(atomic_load(&m.there) == 2);
    tw_team_close(open);
    tw_team_destroy(team);
}

typedef struct Caller {
    TwTeam *team;
    Count c;
    int alone;
} Caller;

static void *call(void *given)
{
    Caller *caller = given;
    for (int k = 0; k < 300; k++) {
        TwTeam *open = tw_team_open(caller->team, 3);
        if (!open) caller->alone++;
        tw_team_each(open, 50, count, &caller->c);
        tw_team_close(open);
    }
    return NULL;
}

// of several callers one has the team, the others go alone
static void one_caller_at_a_time(void)
{
    enum { CALLERS = 3 };
    TwTeam *team = tw_team_create(), *open = tw_team_open(team, 2);
    CHECK(open != NULL && tw_team_open(team, 2) == NULL);
    tw_team_close(open);
    Caller *callers = calloc(CALLERS, sizeof *callers);
    pthread_t thread[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        callers[i].team = team;
        if (pthread_create(&thread[i], NULL, call, &callers[i]) != 0) abort();
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(thread[i], NULL);
        for (int k = 0; k < 50; k++) CHECK(callers[i].c.times[k] == 300);
    }
    free(callers);
    tw_team_destroy(team);
}

// as many as OpenMP would give: none to help inside a parallel region that may hold no other
static void threads_as_openmp_says(void)
{
    omp_set_num_threads(3);
    CHECK(tw_team_threads() == 3);
    int inside[2] = {0, 0};
    for (int levels = 1; levels <= 2; levels++) {
        omp_set_max_active_levels(levels);
#pragma omp parallel num_threads(2)
        if (omp_get_thread_num() == 0 && omp_get_num_threads() == 2) {
            omp_set_num_threads(3);
            inside[levels - 1] = tw_team_threads();
        }
    }
    omp_set_max_active_levels(1);
    omp_set_num_threads(1);
    CHECK(tw_team_threads() == 1 && inside[0] == 1 && inside[1] == 3);
}

int main(void)
{
    for (int threads = 1; threads <= 8; threads = threads < 3 ? threads + 1 : 8 * threads / 3) each_part_once(threads);
    asleep_and_awake();
    threads_work_at_once();
    one_caller_at_a_time();
    threads_as_openmp_says();
    tw_team_destroy(tw_team_create());
    return check_failures != 0;
}
