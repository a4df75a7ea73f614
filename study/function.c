// Functions with known answers, in place of a facility: the whole path from design to report can be checked with them.
#include "study/inner.h"

#include <math.h>
#include <string.h>

static bool ishigami(const double *x, int count, double *y, TwError *error)
{
    (void)count, (void)error;
    y[0] = sin(x[0]) + 7.0 * sin(x[1]) * sin(x[1]) + 0.1 * pow(x[2], 4.0) * sin(x[0]);
    return true;
}

static bool sobol_g(const double *x, int count, double *y, TwError *error)
{
    static const double a[] = {0.0, 1.0, 4.5, 9.0, 99.0, 99.0};
    (void)count, (void)error;
    y[0] = 1.0;
    for (int i = 0; i < 6; i++) y[0] *= (fabs(4.0 * x[i] - 2.0) + a[i]) / (1.0 + a[i]);
    return true;
}

static bool linear(const double *x, int count, double *y, TwError *error)
{
    (void)count, (void)error;
    y[0] = 3.0 * x[0] + 2.0 * x[1] + x[2];
    return true;
}

static bool square(const double *x, int count, double *y, TwError *error)
{
    (void)count, (void)error;
    y[0] = (x[0] - 0.5) * (x[0] - 0.5);
    return true;
}

static bool ratio(const double *x, int count, double *y, TwError *error)
{
    (void)count, (void)error;
    y[0] = x[0] * x[1] / x[2];
    return true;
}

// Two goals, both to be made small; the front is f2 = 1 - sqrt(f1), where all but the first variable are 0.
static bool zdt1(const double *x, int count, double *y, TwError *error)
{
    (void)error;
    double sum = 0.0;
    for (int i = 1; i < count; i++) sum += x[i];
    double g = 1.0 + (count > 1 ? 9.0 * sum / (count - 1) : 0.0);
    y[0] = x[0];
    y[1] = g * (1.0 - sqrt(x[0] / g));
    return true;
}

static bool queue(const double *x, int count, double *y, TwError *error)
{
    (void)count;
    if (!(x[0] < 600.0)) return tw_fail(error, TW_NUMERICAL, "x1 = %g, expected less than 600", x[0]);
    y[0] = 0.2 / (1.0 - x[0] / 600.0);
    return true;
}

// Largest at (0.3, -0.2); with x1 + x2 <= 0 at (0.25, -0.25).
static bool hill(const double *x, int count, double *y, TwError *error)
{
    (void)count, (void)error;
    y[0] = -(x[0] - 0.3) * (x[0] - 0.3) - (x[1] + 0.2) * (x[1] + 0.2);
    y[1] = x[0] + x[1];
    return true;
}

static bool root(const double *x, int count, double *y, TwError *error)
{
    (void)count;
    if (x[0] < x[1]) return tw_fail(error, TW_NUMERICAL, "root of %g", x[0] - x[1]);
    y[0] = sqrt(x[0] - x[1]);
    return true;
}

static const TwFunction functions[] = {
    {"ishigami", "sin x1 + 7 sin^2 x2 + 0.1 x3^4 sin x1", 3, {"f", NULL}, ishigami, false},
    {"sobol_g", "product of (|4 x - 2| + a) / (1 + a), a = 0 1 4.5 9 99 99", 6, {"f", NULL}, sobol_g, false},
    {"linear", "3 x1 + 2 x2 + x3", 3, {"f", NULL}, linear, false},
    {"square", "(x1 - 0.5)^2", 1, {"f", NULL}, square, false},
    {"ratio", "x1 x2 / x3", 3, {"f", NULL}, ratio, false},
    {"zdt1", "two goals with the front f2 = 1 - sqrt(f1)", 2, {"f1", "f2"}, zdt1, false},
    {"queue", "0.2 / (1 - x1 / 600)", 1, {"f", NULL}, queue, true},
    {"hill", "-(x1 - 0.3)^2 - (x2 + 0.2)^2, and the sum of both", 2, {"f", "sum"}, hill, false},
    {"root", "sqrt(x1 - x2), which fails where it is imaginary", 2, {"f", NULL}, root, false},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

const TwFunction *tw_function(const char *name)
{
    for (int i = 0; i < FUNCTIONS; i++)
        if (strcmp(functions[i].name, name) == 0) return &functions[i];
    return NULL;
}

int tw_function_names(const char **names, int most)
{
    for (int i = 0; i < FUNCTIONS && i < most; i++) names[i] = functions[i].name;
    return FUNCTIONS;
}

void tw_function_run(TwStudy *study, int index)
{
    const TwFunction *f = tw_function(study->function);
    TwScenario *scenario = &study->scenarios[index];
    double x[TW_AXES], y[2] = {NAN, NAN};
    for (int i = 0; i < study->axis_count; i++)
        x[i] = tw_axis_number(&study->axes[i], tw_point_at(study, index / study->replicates, i));
    TwError error = {0};
    if (!f->value(x, study->axis_count, y, &error)) {
        tw_scenario_fail(scenario, TW_FAILED, error.text);
        return;
    }
    TwOutput list[2] = {{.unit = "", .label = ""}};
    TwOutputs outputs = {.list = list};
    scenario->values = tw_taken(2, sizeof *scenario->values);
    for (int i = 0; i < 2 && f->outputs[i]; i++) {
        list[i] = (TwOutput){.unit = ""};
        snprintf(list[i].path, sizeof list[i].path, "%s", f->outputs[i]);
        snprintf(list[i].label, sizeof list[i].label, "%s of %s", f->outputs[i], f->name);
        scenario->values[outputs.count++] = y[i];
    }
    scenario->outputs = tw_outputs_same(study, &outputs);
    tw_scenario_judge(study, scenario);
}
