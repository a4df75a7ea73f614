// Fronts of goals among feasible points.
#include "study/answers.h"
#include "study/inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Point {
    double a, b;    // both to be made small
    int index;
} Point;

static int by_first(const void *left, const void *right)
{
    const Point *p = left, *q = right;
    if (p->a != q->a) return p->a < q->a ? -1 : 1;
    if (p->b != q->b) return p->b < q->b ? -1 : 1;
    return (p->index > q->index) - (p->index < q->index);
}

static Point *sorted(const double (*y)[2], const bool least[2], const bool *kept, int count, int *n)
{
    Point *points = tw_taken((size_t)count, sizeof *points);
    *n = 0;
    for (int i = 0; i < count; i++) {
        if ((kept && !kept[i]) || !isfinite(y[i][0]) || !isfinite(y[i][1])) continue;
        points[(*n)++] = (Point){least[0] ? y[i][0] : -y[i][0], least[1] ? y[i][1] : -y[i][1], i};
    }
    qsort(points, (size_t)*n, sizeof *points, by_first);
    return points;
}

void tw_pareto(const double (*y)[2], const bool least[2], int count, bool *front)
{
    int n;
    Point *points = sorted(y, least, NULL, count, &n);
    memset(front, 0, (size_t)count * sizeof *front);
    double best = INFINITY, at = NAN;
    for (int i = 0; i < n; i++) {
        bool equal = points[i].b == best && points[i].a == at;    // equal points all stay
        if (!(points[i].b < best || equal)) continue;
        best = points[i].b;
        at = points[i].a;
        front[points[i].index] = true;
    }
    free(points);
}

double tw_hypervolume(const double (*y)[2], const bool least[2], const bool *front, int count,
                      const double reference[2])
{
    int n;
    Point *points = sorted(y, least, front, count, &n);
    double a = least[0] ? reference[0] : -reference[0], b = least[1] ? reference[1] : -reference[1], volume = 0.0;
    for (int i = 0; i < n; i++) {
        if (points[i].a >= a || points[i].b >= b) continue;
        volume += (a - points[i].a) * (b - points[i].b);
        b = points[i].b;
    }
    free(points);
    return volume;
}

// Any number of goals: a point stays unless another is nowhere worse and somewhere better.
static void many(const TwStudy *study, double *const *y, bool *front)
{
    for (int i = 0; i < study->point_count; i++) {
        front[i] = true;
        for (int g = 0; g < study->goal_count; g++) front[i] = front[i] && isfinite(y[g][i]);
        for (int k = 0; k < study->point_count && front[i]; k++) {
            bool worse = false, better = false;
            for (int g = 0; g < study->goal_count; g++) {
                double other = study->goals[g].least ? -y[g][k] : y[g][k],
                       mine = study->goals[g].least ? -y[g][i] : y[g][i];
                worse = worse || !(other >= mine);
                better = better || other > mine;
            }
            front[i] = worse || !better;
        }
    }
}

void tw_pareto_points(const TwStudy *study, bool *front)
{
    memset(front, 0, (size_t)study->point_count * sizeof *front);
    if (study->goal_count == 0) return;
    double *y[TW_MOST_LIMITS];
    for (int g = 0; g < study->goal_count; g++) y[g] = tw_study_means(study, study->goals[g].output, true);
    if (study->goal_count == 2) {
        double(*pairs)[2] = tw_taken((size_t)study->point_count, sizeof *pairs);
        const bool least[2] = {study->goals[0].least, study->goals[1].least};
        for (int i = 0; i < study->point_count; i++) pairs[i][0] = y[0][i], pairs[i][1] = y[1][i];
        tw_pareto((const double(*)[2])pairs, least, study->point_count, front);
        free(pairs);
    } else
        many(study, y, front);
    for (int g = 0; g < study->goal_count; g++) free(y[g]);
}

double tw_study_hypervolume(const TwStudy *study, const bool *front, double reference[2])
{
    if (study->goal_count != 2) return NAN;
    double(*pairs)[2] = tw_taken((size_t)study->point_count, sizeof *pairs);
    const bool least[2] = {study->goals[0].least, study->goals[1].least};
    for (int g = 0; g < 2; g++) {
        double *y = tw_study_means(study, study->goals[g].output, true);
        reference[g] = study->reference[g];
        for (int i = 0; i < study->point_count; i++) {
            pairs[i][g] = y[i];
            if (!isfinite(y[i]) || isfinite(study->reference[g])) continue;
            bool worse = least[g] ? y[i] > reference[g] : y[i] < reference[g];
            if (isnan(reference[g]) || worse) reference[g] = y[i];
        }
        free(y);
    }
    double volume = tw_hypervolume((const double(*)[2])pairs, least, front, study->point_count, reference);
    free(pairs);
    return volume;
}
