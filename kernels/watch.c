#include "kernels/watch.h"

#include "kernels/gpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// a processor that plays a GPU under sanitizers, on a busy machine, is given longer
#ifndef TW_WATCH_SILENCE_S
#define TW_WATCH_SILENCE_S 60.0
#endif
static const double silence_s = TW_WATCH_SILENCE_S, look_s = 0.05;

static TwWatch *own;    // of the process that works
static volatile sig_atomic_t worker, caught;

TwWatch *tw_watch_create(void)
{
    TwWatch *watch = mmap(NULL, sizeof *watch, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (watch == MAP_FAILED) abort();
    return watch;
}

void tw_watch_beat(void)
{
    if (own) own->beat_s = tw_now_s();
}

void tw_watch_measuring(uint64_t point)
{
    if (own) own->point = point;
    tw_watch_beat();
}

static void pass_on(int number)
{
    caught = number;
    if (worker) kill(worker, number);
}

// the worker's wait status
static int wait_for(pid_t child, const TwWatch *watch)
{
    int status = 0;
    for (;;) {
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child || (ended < 0 && errno != EINTR)) return status;
        if (tw_now_s() - watch->beat_s > silence_s) {
            fprintf(stderr, "tokenworks-calibrate: nothing came back for %.0f s; this point is given up\n", silence_s);
            kill(child, SIGKILL);
            while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
            }
            return status;
        }
        nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * look_s)}, NULL);
    }
}

int tw_watch_run(TwWatch *watch, int (*job)(void *), void *context)
{
    fflush(stdout);
    fflush(stderr);
    watch->point = 0;
    watch->beat_s = tw_now_s();
    pid_t parent = getpid(), child = fork();
    if (child < 0) {
        perror("tokenworks-calibrate");
        return TW_EXIT_LOST;
    }
    if (child == 0) {
        // a group of its own: what the terminal or timeout sends comes once, by way of the parent
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) exit(TW_EXIT_LOST);
        own = watch;
        int status = job(context);
        fflush(NULL);
        if (status == TW_EXIT_LOST) _exit(status);    // nothing that would touch the device again
        exit(status);
    }
    worker = child;
    struct sigaction action = {.sa_handler = pass_on}, before_int, before_term;
    sigaction(SIGINT, &action, &before_int);
    sigaction(SIGTERM, &action, &before_term);
    int status = wait_for(child, watch);
    worker = 0;
    sigaction(SIGINT, &before_int, NULL);
    sigaction(SIGTERM, &before_term, NULL);
    if (caught) raise(caught);    // the shell sees the signal
    return WIFEXITED(status) ? WEXITSTATUS(status) : TW_EXIT_LOST;
}
